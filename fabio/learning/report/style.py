"""The look of the report's page: light and dark by the reader's setting, light on paper, one column when narrow."""

STYLE = """
:root{color-scheme:light dark;--bg:#f7f7f4;--panel:#fff;--ink:#1b2026;--muted:#626c77;--line:#e2e4e0;--accent:#2b6cb0;
--gain:#14805a;--loss:#c0392b;--warn:#a86a10;--trend:#3a7bd5;--range:#2a9d8f;--volatile:#e07a3f;--chop:#9467bd;
--unclear:#a3a9b0}
@media (prefers-color-scheme:dark){:root{--bg:#101419;--panel:#171c23;--ink:#e4e7ea;--muted:#97a1ac;--line:#2a323c;
--accent:#6cabec;--gain:#43bf8b;--loss:#f1786d;--warn:#e0a94f;--trend:#5b9cf0;--range:#3fc0b0;--volatile:#ef9059;
--chop:#b48ae0;--unclear:#6d7681}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1160px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:25px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:17px;margin:0 0 4px}h3{font-size:14px;margin:20px 0 4px;color:var(--muted);font-weight:600}
p{margin:4px 0 10px;max-width:80ch;overflow-wrap:anywhere}.muted,.note{color:var(--muted)}.note{font-size:13px}
header p{margin:0;color:var(--muted);max-width:none}
section{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:18px 20px;margin:16px 0}
.said{border-left:4px solid var(--warn);padding:10px 16px;margin:16px 0 0;background:var(--panel);max-width:none;
border-radius:4px}
.said.good{border-color:var(--gain)}.said.bad{border-color:var(--loss)}
.cards{display:grid;grid-template-columns:repeat(4,1fr);gap:10px;margin:16px 0 0}
.card{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:10px 14px}
.card b{display:block;font-size:21px;line-height:1.3;font-weight:650;font-variant-numeric:tabular-nums}
.card>span{display:block;color:var(--muted);font-size:12.5px}
.gain-text{color:var(--gain)}.loss-text{color:var(--loss)}
.scroll{overflow-x:auto;margin:8px 0 4px}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th{font-weight:600;color:var(--muted);font-size:12px;text-align:left;white-space:nowrap;vertical-align:bottom}
th,td{padding:5px 12px 5px 0;border-bottom:1px solid var(--line);unicode-bidi:isolate}
td{vertical-align:top}tr:last-child td{border-bottom:0}.n{text-align:right;white-space:nowrap}
td.w{min-width:210px;overflow-wrap:anywhere}td.s{white-space:nowrap}
.chart{display:block;width:100%;height:auto;margin:6px 0 2px;overflow:visible}.narrow{display:none}
.legend{font-size:12.5px;color:var(--muted);display:flex;flex-wrap:wrap;gap:2px 16px;max-width:none;margin:6px 0 0}
.swatch{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px}
svg text{font:11px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--muted)}
svg .day{font-weight:700}svg .grid{stroke:var(--line);stroke-width:1}svg .grid.day{stroke:var(--muted);opacity:.5}
svg .start{stroke:var(--muted);stroke-width:1;stroke-dasharray:2 3}
.equity{fill:none;stroke:var(--accent);stroke-width:1.8;stroke-linejoin:round}
.equity-area{fill:var(--accent);opacity:.12}.drawdown{fill:var(--loss);opacity:.55}
.price{fill:none;stroke:var(--ink);stroke-width:1.1;stroke-linejoin:round}.range{fill:var(--ink);opacity:.16}
.tint{opacity:.07}.strip{opacity:.9}
.r-trend{fill:var(--trend);background:var(--trend)}.r-range{fill:var(--range);background:var(--range)}
.r-volatile{fill:var(--volatile);background:var(--volatile)}.r-chop{fill:var(--chop);background:var(--chop)}
.r-unclear{fill:var(--unclear);background:var(--unclear)}
.value-area{fill:var(--muted);opacity:.1}.poc{stroke:var(--warn);stroke-width:1.2;stroke-dasharray:5 4}
.row{fill:var(--muted);opacity:.3}.row.in-value{opacity:.55}.row.at-poc{fill:var(--warn);opacity:.95}
svg .level{font-size:10px;font-weight:700;fill:var(--ink);paint-order:stroke;stroke:var(--panel);stroke-width:3px}
.refused{stroke:var(--warn);stroke-width:1.6;fill:none}.refused-key{color:var(--warn)}
.halt{stroke:var(--loss);stroke-width:1.5;stroke-dasharray:3 3}
.trade.gain{--c:var(--gain)}.trade.loss{--c:var(--loss)}
.held{stroke:var(--c);stroke-width:2}.entry{fill:var(--c);stroke:var(--panel);stroke-width:1}
.exit{fill:var(--c);stroke:var(--panel);stroke-width:1}
svg .number{font-size:10.5px;font-weight:700;fill:var(--ink);paint-order:stroke;stroke:var(--panel);stroke-width:3px}
.taken{fill:none;stroke:var(--accent);stroke-width:2}.not-taken{fill:none;stroke:var(--warn);stroke-width:1.6;
stroke-dasharray:5 3}.taken-key{color:var(--accent)}.not-taken-key{color:var(--warn)}
svg .lane-name{font-weight:650;font-size:12px;fill:var(--ink)}.lane.on{fill:var(--gain);opacity:.75}
.lane.off{fill:var(--unclear);opacity:.5}.parameter{fill:none;stroke:var(--accent);stroke-width:1.8}
.diamond{stroke:var(--panel);stroke-width:1}.by-rules{fill:var(--accent);stroke:var(--accent)}
.by-operator{fill:var(--ink);stroke:var(--ink)}.by-model{fill:var(--chop);stroke:var(--chop)}
.diamond.by-rules,.diamond.by-operator,.diamond.by-model{stroke:var(--panel)}
.change{stroke-width:1;stroke-dasharray:2 3;opacity:.8}
.by-rules-key{color:var(--accent)}.by-model-key{color:var(--chop)}
.columns{display:grid;grid-template-columns:1fr 1fr;gap:0 32px}
details summary{cursor:pointer;color:var(--muted);font-size:13px;margin-top:6px}
footer{color:var(--muted);font-size:12.5px;margin-top:20px}
@media (max-width:760px){main{padding:16px 10px 40px}section{padding:14px 12px;border-radius:8px}.wide{display:none}
.narrow{display:block}.columns{grid-template-columns:1fr}.cards{grid-template-columns:1fr 1fr;gap:8px}h1{font-size:21px}
.card{padding:8px 10px}.card b{font-size:18px}td.w{min-width:300px}}
@media print{:root{--bg:#fff;--panel:#fff;--ink:#111;--muted:#555;--line:#ddd;--accent:#2b6cb0;--gain:#14805a;
--loss:#c0392b;--warn:#a86a10;--unclear:#a3a9b0;--trend:#3a7bd5;--range:#2a9d8f;
--volatile:#e07a3f;--chop:#9467bd;color-scheme:light}body{font-size:11px}main{max-width:none;padding:0}
section{border:0;padding:6px 0;margin:8px 0;break-inside:auto}h2,h3{break-after:avoid}
.chart,.card,tr{break-inside:avoid}
.wide{display:block}.narrow{display:none}.columns{grid-template-columns:1fr 1fr}.scroll{overflow:visible}
.cards{grid-template-columns:repeat(4,1fr)}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
details:not([open])>*{display:block}@page{margin:14mm}}
"""
