"""The live panel: one screen that shows what the agent sees, holds, and thinks."""

import asyncio
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel as Box
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fabio.model.order import Trade
from fabio.model.signal import Decision
from fabio.model.zone import Zone
from fabio.runtime.agent import Agent
from fabio.runtime.board import Board
from fabio.runtime.telling import SIDES, Telling, price, regime_words

REFRESH_S = 0.2
GAIN, LOSS, QUIET = "green", "red", "dim"


class Panel:
    """Draws the board a few times a second; never asks the machine to do anything."""

    def __init__(self, agent: Agent, board: Board, zone: ZoneInfo, console: Console | None = None) -> None:
        self.is_gone = False  # whether the terminal was closed
        self._agent = agent
        self._board = board
        self._instrument = agent.life.instrument
        self._clock = Telling([self._instrument], zone, lambda line: None).clock
        self._live = Live(console=console or Console(), screen=True, auto_refresh=False, transient=True)

    async def watch(self) -> None:
        """Redraw until cancelled; a terminal that was closed asks the agent to flatten and end."""
        try:
            self._live.start(refresh=True)
            while True:
                self._live.update(self.draw(), refresh=True)
                await asyncio.sleep(REFRESH_S)
        except OSError:
            self._agent.stop_soon("nobody reads the output any more")
            await asyncio.Event().wait()
        finally:
            try:
                self._live.stop()
            except OSError:
                self.is_gone = True

    def close(self) -> None:
        """Give the terminal back at once."""
        self._live.stop()

    def draw(self) -> RenderableType:
        """Lay the screen out for the terminal's present size."""
        height = self._live.console.size.height
        strategies = self._strategies()
        middle = 8 + (self._agent.driver.engine.state.model is not None)
        left = height - 3 - middle - (strategies.row_count + 2)
        trades = max(3, min(left // 3 + 1, 12))
        layout = Layout()
        layout.split_column(
            Layout(Box(self._head(), title=f"[bold]fabio[/] {self._agent.life.name}", title_align="left",
                       subtitle="[dim]paper money · Ctrl-C flattens and ends[/]", subtitle_align="right"), size=3),
            Layout(name="middle", size=middle),
            Layout(Box(strategies, title="Strategies", title_align="left"), size=strategies.row_count + 2),
            Layout(Box(self._decisions(left - trades - 2), title="Decisions", title_align="left")),
            Layout(Box(self._trades(trades - 2), title="Trades", title_align="left"), size=trades),
        )
        layout["middle"].split_row(
            Layout(Box(self._market(), title="Market", title_align="left")),
            Layout(Box(self._account(), title="Position and account", title_align="left")),
        )
        return layout

    def _head(self) -> RenderableType:
        market, state = self._agent.driver.engine.markets[0], self._agent.driver.engine.state
        grid = Table.grid(expand=True, padding=(0, 1))
        grid.add_column()
        grid.add_column()
        grid.add_column(ratio=1)
        grid.add_column(justify="right")
        last = price(self._instrument, market.last_ticks()) if market.has_session else "-"
        share = self._agent.life.progress()
        stopping = Text("stopping", style="bold yellow") if self._agent.stopping else Text(f"{share:.0%}")
        grid.add_row(
            Text(f"{self._instrument.symbol} {last}", style="bold"), self._clock(state.now_ns),
            ProgressBar(total=1.0, completed=share), stopping,
        )
        return grid

    def _market(self) -> RenderableType:
        engine = self._agent.driver.engine
        market, record = engine.markets[0], engine.state.markets[0]
        grid = _pairs()
        if not market.has_session:
            grid.add_row("", "no trade yet")
            return grid
        stats, units = market.fresh_stats(), self._instrument
        for name, ticks in (("VAH", stats.vah_ticks), ("POC", stats.poc_ticks), ("VAL", stats.val_ticks)):
            grid.add_row(name, _level(price(units, ticks), stats.last_ticks - ticks))
        regime = record.regime
        if regime is None:
            grid.add_row("Regime", "not asked yet")
        else:
            now_ns = engine.state.now_ns
            age_s = (now_ns - regime.answered_at_ns) / 1e9
            stale = " stale" if now_ns > regime.good_until_ns else ""
            words = Text(regime_words(regime.label, regime.direction), style="bold cyan")
            words.append(f" {regime.confidence:.0%} {age_s:.0f} s old{stale}", style=QUIET)
            grid.add_row("Regime", words)
        if engine.state.model is not None:
            grid.add_row("Model", self._model())
        grid.add_row("Zones", self._zones(market.zones(record.zones), stats.last_ticks))
        delta = "unknown" if stats.cvd_steps is None else f"{float(units.size(stats.cvd_steps)):+,.0f}"
        grid.add_row("Delta", f"{delta} session, {self._board.asks:,} asks")
        return grid

    def _model(self) -> Text:
        state = self._agent.driver.engine.state
        record, ledger, budget = state.markets[0], state.ledger, self._agent.driver.engine.config.policy.budget
        words = Text(overflow="ellipsis", no_wrap=True)
        if state.model is None:
            return words
        if state.model_held:
            words.append("held back, ", style="yellow")
        elif record.stands is not None:
            age_s = (state.now_ns - record.stands.answered_at_ns) / 1e9
            words.append(f"stands, {age_s:.0f} s old, ", style="cyan")
        elif record.asking is not None:
            words.append("waiting, ", style=QUIET)
        else:
            words.append("rules stand, ", style=QUIET)
        caps = f"{ledger.calls}/{budget.calls_per_day} {ledger.spent:.2f}/{budget.usd_per_day:.2f} USD" if (
            state.model.is_paid) else f"asked {ledger.calls} times"
        return words.append(f"{caps} {state.model.name}", style=QUIET)

    def _zones(self, zones: Sequence[Zone], last_ticks: int) -> Text:
        nearest = sorted(zones, key=lambda zone: abs(zone.centre_ticks - last_ticks))[:3]
        words = Text(overflow="ellipsis", no_wrap=True)
        for zone in nearest:
            band = zone.band(last_ticks)
            style = {"inner": "bold yellow", "outer": "yellow"}.get(band, QUIET)
            words.append(f"{zone.name} {zone.centre_ticks - last_ticks:+d}  ", style=style)
        return words

    def _account(self) -> RenderableType:
        engine = self._agent.driver.engine
        position, account, units = engine.state.markets[0].position, self._board.account(), self._instrument
        grid = _pairs()
        if position is None:
            grid.add_row("Position", Text("flat", style=QUIET))
            grid.add_row("", "")
        else:
            side = Text(f"{SIDES[position.side]} {units.size(abs(position.size_steps))}",
                        style=GAIN if position.side > 0 else LOSS)
            side.append(f" at {price(units, position.entry_ticks)}", style="default")
            side.append_text(_money(float(account.open_pnl), "  {:+,.2f}"))
            grid.add_row("Position", side)
            stop = "-" if position.stop_ticks is None else price(units, position.stop_ticks)
            target = "-" if position.target_ticks is None else price(units, position.target_ticks)
            grid.add_row("Bracket", f"stop {stop}  target {target}")
        grid.add_row("Balance", f"{account.balance:,.2f} USD")
        grid.add_row("Day", _money(float(account.day_pnl), "{:+,.2f} USD"))
        grid.add_row("Room", f"{account.room:,.2f} to the loss floor {account.loss_floor:,.0f}")
        if account.halted:
            grid.add_row("HALTED", Text(account.halted, style="bold red", overflow="ellipsis", no_wrap=True))
        return grid

    def _strategies(self) -> Table:
        state = self._agent.driver.engine.state
        grid = Table.grid(expand=True, padding=(0, 2))
        for column in range(6):
            grid.add_column(justify="left" if column < 2 else "right", no_wrap=True, overflow="ellipsis")
        for name, each in state.strategies.items():
            record = state.performance.get(name)
            entries = state.markets[0].entries_by_strategy.get(name, 0)
            trades = 0 if record is None else record.trades
            rate = "-" if record is None or record.win_rate is None else f"{record.win_rate:.0%} won"
            grid.add_row(
                name, Text("on", style=GAIN) if each.enabled else Text("off", style=LOSS),
                f"risk {each.risk_fraction:.2%}", f"{entries}/{each.max_trades_per_session} today",
                f"{trades} trades, {rate}", _money(0.0 if record is None else record.net_pnl, "{:+,.2f}"),
            )
        return grid

    def _decisions(self, count: int) -> RenderableType:
        rows = list(self._board.decisions)[-max(count, 1):]
        if not rows:
            return Text("none yet: strategies wish only where their rules hold", style=QUIET)
        return Group(*(self._decision(each) for each in reversed(rows)))

    def _decision(self, decision: Decision) -> Text:
        signal = decision.signal
        mark = Text("✓ ", style=GAIN) if decision.approved else Text("✗ ", style=LOSS)
        line = Text(self._clock(decision.ts_ns)[11:16] + " ", style=QUIET, overflow="ellipsis", no_wrap=True)
        line.append_text(mark)
        line.append(f"{signal.strategy} {SIDES[signal.side]} {price(self._instrument, signal.entry_ticks)} ")
        if decision.approved:
            line.append(signal.reason, style=QUIET)
        else:
            line.append(", ".join(decision.refused_by), style="yellow")
            line.append(f"  {signal.reason}", style=QUIET)
        return line

    def _trades(self, count: int) -> RenderableType:
        rows = list(self._board.trades)[-max(count, 1):]
        if not rows:
            return Text("none yet", style=QUIET)
        return Group(*(self._trade(each) for each in reversed(rows)))

    def _trade(self, trade: Trade) -> Text:
        line = Text(self._clock(trade.exit_ns)[11:16] + " ", style=QUIET, overflow="ellipsis", no_wrap=True)
        line.append_text(_money(float(trade.net_pnl), "{:>+9,.2f}"))
        line.append(f" {round(trade.r_multiple, 1) + 0.0:+.1f} R  {trade.strategy} {SIDES[trade.side]} {trade.size}  "
                    f"{trade.entry_price:,.2f} to {trade.exit_price:,.2f}, {trade.exit_leg}")
        return line


def _pairs() -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style=QUIET, min_width=8, no_wrap=True)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    return grid


def _level(text: str, distance: int) -> Text:
    words = Text(text)
    words.append(f"  {distance:+d} ticks", style=QUIET)
    return words


def _money(amount: float, pattern: str) -> Text:
    style = GAIN if amount > 0 else LOSS if amount < 0 else QUIET
    return Text(pattern.format(amount), style=style)
