"""The page of statistics, read slowly: every number from the list of trades, nothing kept up.

Written from `docs/features.md`, not from the kernel. `Brute` takes a whole tape; `at(count, now)`
gives the statistics as of `now` after the first `count` rows of it.
"""

import math
from bisect import bisect_left, bisect_right
from itertools import pairwise
from statistics import median

from brute_session import Session, apart

from fabio.model.bar import Bar
from fabio.model.instrument import Instrument
from fabio.model.session import NO_TIME, SessionTable
from fabio.model.stats import BigPrint, MarketStats

S = 1_000_000_000
MIN = 60 * S


class Brute:
    """A whole tape: rows of (ts_event, price, size, side), gaps as (row, from, to)."""

    def __init__(self, instrument: Instrument, table: SessionTable, rows, gaps=()):
        self.instrument, self.table = instrument, table
        self.sessions: list[Session] = []
        self.rejected = [0]
        latest = None
        gap_list = []
        waiting = sorted(gaps)
        index = None
        for position, (ts, price, size, side) in enumerate(rows):
            while waiting and waiting[0][0] <= position:
                _, start, end = waiting.pop(0)
                start = start if latest is None else max(start, latest)
                if end > start:
                    gap_list.append((start, end))
            bad = size <= 0 or (price <= 0 and not instrument.allows_negative_price) or (
                latest is not None and latest - ts >= S)
            self.rejected.append(self.rejected[-1] + bad)
            if bad:
                continue
            ts = ts if latest is None else max(ts, latest)
            latest = ts
            if table.index_at(ts) != index:
                index = table.index_at(ts)
                self.sessions.append(self.new_session(index))
            session = self.sessions[-1]
            session.ts.append(ts)
            session.price.append(price)
            session.size.append(size)
            session.side.append(side)
            session.row.append(position)
        for session in self.sessions:
            session.closed = apart(session.closed, gap_list)
            session.prepare(instrument.poc_cross_band_ticks)
        self.find_prints()

    def new_session(self, index: int) -> Session:
        table = self.table
        regular = int(table.regular_opens_ns[index])
        return Session(
            int(table.opens_ns[index]), int(table.closes_ns[index]), None if regular == NO_TIME else regular,
            int(table.dates[index]), [(int(a), int(b)) for a, b in table.breaks_ns],
        )

    # -- the session as of a reading

    def locate(self, count: int) -> tuple[int, Session, int]:
        """Number of the running session, itself, and how many of its trades were seen."""
        number = max(i for i, session in enumerate(self.sessions) if session.row[0] < count)
        session = self.sessions[number]
        return number, session, bisect_left(session.row, count)

    def finished(self, number: int) -> list[Session]:
        """The finished ones among the sessions before, oldest first."""
        done = []
        for session in self.sessions[:number]:
            covered = session.open_ns_between(session.ts[0], session.ts[-1])
            hours = session.close_ns - session.open_ns
            for start, end in zip(*[iter(self.table.breaks_ns.ravel().tolist())] * 2, strict=True):
                hours -= max(0, min(end, session.close_ns) - max(start, session.open_ns))
            if covered >= 0.8 * hours:
                done.append(session)
        return done

    def at(self, count: int, now: int) -> MarketStats:
        number, x, n = self.locate(count)
        last = n - 1
        poc, vah, val = x.levels[last]
        price = x.price[last]
        high, low = x.high[last], x.low[last]
        crosses = [x.ts[i] for i in x.crosses if i < n]
        times = x.booked_at(n, now)
        earlier = x.booked_at(n, now - 30 * MIN)
        recent = [a - b for a, b in zip(times, earlier, strict=True)]
        minute = bisect_right(x.ts, now - MIN, 0, n)        # first trade of the last minute
        volume_1min = x.volume[n] - x.volume[minute]
        done = self.finished(number)
        previous = done[-1] if done else None
        slope5, norm5 = self.slope(x, n, now, 300)
        slope15, norm15 = self.slope(x, n, now, 900)
        bar5, bar15 = self.mean_range(x, n, now, 5 * MIN), self.mean_range(x, n, now, 15 * MIN)
        opening = self.opening_range(x, n, now)
        mean = x.weighted[n] / x.volume[n]
        variance = (x.squares[n] * x.volume[n] - x.weighted[n] ** 2) / x.volume[n] ** 2
        return MarketStats(
            ts_ns=now, session_date=x.date, last_ticks=price, last_trade_ns=x.ts[last],
            poc_ticks=poc, vah_ticks=vah, val_ticks=val, volume_steps=x.volume[n],
            crosses_5min=sum(ts > now - 5 * MIN for ts in crosses),
            crosses_15min=sum(ts > now - 15 * MIN for ts in crosses),
            crosses_30min=sum(ts > now - 30 * MIN for ts in crosses),
            crosses_session=len(crosses),
            poc_side=(price > poc) - (price < poc),
            near_poc_30min_ns=recent[3], session_high_ticks=high, session_low_ticks=low,
            in_value_ns=times[0], above_value_ns=times[1], below_value_ns=times[2],
            in_value_30min_ns=recent[0], above_value_30min_ns=recent[1], below_value_30min_ns=recent[2],
            trades_session=n, volume_1min_steps=volume_1min, trades_1min=n - minute,
            rejected_ticks=self.rejected[count],
            cvd_steps=None if 2 * x.unknown[n] > x.volume[n] else x.cvd[n],
            since_last_cross_ns=now - crosses[-1] if crosses else None,
            opening_range_high_ticks=opening[0], opening_range_low_ticks=opening[1],
            prev_high_ticks=previous.high[-1] if previous else None,
            prev_low_ticks=previous.low[-1] if previous else None,
            prev_close_ticks=previous.price[-1] if previous else None,
            prev_poc_ticks=previous.levels[-1][0] if previous else None,
            prev_vah_ticks=previous.levels[-1][1] if previous else None,
            prev_val_ticks=previous.levels[-1][2] if previous else None,
            delta_1min_steps=None if 2 * (x.unknown[n] - x.unknown[minute]) > volume_1min
            else x.cvd[n] - x.cvd[minute],
            range_percentile=self.percentile(x, high - low, now, done),
            cvd_slope_5min=slope5, cvd_slope_15min=slope15,
            cvd_slope_5min_norm=norm5, cvd_slope_15min_norm=norm15,
            realized_vol_5min=self.volatility(x, n, now),
            bar_range_5min_ticks=bar5, bar_range_15min_ticks=bar15,
            vwap_ticks=mean, vwap_deviation_ticks=math.sqrt(variance),
            buy_absorption=self.absorption(x, minute, n, bar5, 1),
            sell_absorption=self.absorption(x, minute, n, bar5, -1),
            buy_exhaustion=self.exhaustion(x, n, now, 1),
            sell_exhaustion=self.exhaustion(x, n, now, -1),
        )

    # -- one statistic each

    @staticmethod
    def second_ends(x: Session, now: int, window: int) -> list[int]:
        """Ends of the latest ended seconds of a window, none before the session's first trade."""
        ended = now // S
        first = max(x.ts[0] // S, ended - window)
        return [(k + 1) * S for k in range(first, ended)]

    def slope(self, x: Session, n: int, now: int, window: int):
        ends = self.second_ends(x, now, window)
        if 2 * len(ends) < window:
            return None, None
        seen = [bisect_left(x.ts, end, 0, n) for end in ends]
        before = bisect_left(x.ts, ends[0] - S, 0, n)
        volume = x.volume[seen[-1]] - x.volume[before]
        if 2 * (x.unknown[seen[-1]] - x.unknown[before]) > volume:
            return None, None
        y = [x.cvd[i] for i in seen]
        m = len(y)
        slope = (m * sum(i * v for i, v in enumerate(y)) - sum(range(m)) * sum(y)) / (
            m * sum(i * i for i in range(m)) - sum(range(m)) ** 2)
        return slope, slope / (volume / m) if volume else None

    def volatility(self, x: Session, n: int, now: int):
        ends = self.second_ends(x, now, 300)
        if len(ends) < 150:
            return None
        prices = [x.price[bisect_left(x.ts, end, 0, n) - 1] for end in ends]
        if min(prices) <= 0:
            return None
        logs = [math.log1p((b - a) / a) for a, b in pairwise(prices)]
        mean = math.fsum(logs) / len(logs)
        variance = math.fsum((value - mean) ** 2 for value in logs) / len(logs)
        return math.sqrt(variance) * math.sqrt(self.instrument.trading_seconds_per_year)

    @staticmethod
    def bars(x: Session, n: int) -> list[tuple[int, int, int]]:
        """Start, first and last-but-one position of each minute with trades, the running one too."""
        bars = []
        first = 0
        while first < n:
            start = x.ts[first] // MIN * MIN
            end = bisect_left(x.ts, start + MIN, first, n)
            bars.append((start, first, end))
            first = end
        return bars

    def mean_range(self, x: Session, n: int, now: int, window: int):
        first = bisect_left(x.ts, now - window - MIN, 0, n)
        first = bisect_left(x.ts, x.ts[first] // MIN * MIN, 0, n) if first < n else n
        ranges = []
        while first < n:
            start = x.ts[first] // MIN * MIN
            end = bisect_left(x.ts, start + MIN, first, n)
            if now - window < start + MIN <= now:
                ranges.append(max(x.price[first:end]) - min(x.price[first:end]))
            first = end
        return sum(ranges) / len(ranges) if ranges else None

    @staticmethod
    def opening_range(x: Session, n: int, now: int):
        start = x.regular_open_ns
        if start is None or now < start + 15 * MIN:
            return None, None
        prices = x.price[bisect_left(x.ts, start, 0, n) : bisect_left(x.ts, start + 15 * MIN, 0, n)]
        return (max(prices), min(prices)) if prices else (None, None)

    @staticmethod
    def percentile(x: Session, range_ticks: int, now: int, done: list[Session]):
        if not done:
            return None
        minute = max(0, (now - x.open_ns) // MIN)
        smaller = 0
        for earlier in done[-20:]:
            seen = bisect_left(earlier.ts, earlier.open_ns + (minute + 1) * MIN)
            smaller += (earlier.high[seen - 1] - earlier.low[seen - 1] if seen else 0) < range_ticks
        return smaller / len(done[-20:])

    @staticmethod
    def absorption(x: Session, first: int, n: int, bar_range, side: int):
        volume = x.volume[n] - x.volume[first]
        if n - first < 20 or not bar_range or 2 * (x.unknown[n] - x.unknown[first]) > volume:
            return None
        hitting = sum(x.size[i] for i in range(first, n) if x.side[i] == -side)
        prices = x.price[first:n]
        move = prices[0] - min(prices) if side == 1 else max(prices) - prices[0]
        return max(0, 2 * hitting / volume - 1) * max(0, 1 - move / bar_range)

    def exhaustion(self, x: Session, n: int, now: int, side: int):
        ends = self.second_ends(x, now, 900)
        if len(ends) < 120:
            return None
        seen, before = bisect_left(x.ts, ends[-1], 0, n), bisect_left(x.ts, ends[0] - S, 0, n)
        if 2 * (x.unknown[seen] - x.unknown[before]) > x.volume[seen] - x.volume[before]:
            return None
        deltas = [side * (x.cvd[bisect_left(x.ts, end, 0, n)] - x.cvd[bisect_left(x.ts, end - MIN, 0, n)])
                  for end in ends]
        if max(deltas) <= 0:
            return None
        a = bisect_right(x.ts, now - 900 * S, 0, n)
        b = bisect_right(x.ts, now - 60 * S, 0, n)
        older, recent = [side * p for p in x.price[a:b]], [side * p for p in x.price[b:n]]
        if not older or not recent or max(recent) <= max(older):
            return 0.0
        return min(1.0, max(0.0, 1 - deltas[-1] / max(deltas)))

    # -- what is not in MarketStats

    def find_prints(self) -> None:
        """All prints of the tape as [first position, session, ts, price, size, side] per trade seen."""
        self.prints = []
        for number, x in enumerate(self.sessions):
            for i, ts in enumerate(x.ts):
                same = self.prints and self.prints[-1]["key"] == (number, ts, x.side[i])
                if not same:
                    self.prints.append({"key": (number, ts, x.side[i]), "parts": []})
                self.prints[-1]["parts"].append((x.row[i], x.price[i], x.size[i]))
        self.print_sizes = [sum(part[2] for part in print_["parts"]) for print_ in self.prints]
        self.thresholds = {}
        for i, print_ in enumerate(self.prints):
            minute = print_["key"][1] // MIN
            if minute not in self.thresholds:
                self.thresholds[minute] = self.threshold(self.print_sizes[max(0, i - 10_000) : i])

    def threshold(self, sizes: list[int]):
        fixed = self.instrument.big_print_size
        if fixed is not None:
            return self.instrument.size_steps(fixed)
        if len(sizes) < 1000:
            return None
        return max(int(2 / self.instrument.size_step), sorted(sizes)[math.ceil(995 * len(sizes) / 1000) - 1])

    def big_prints(self, count: int) -> tuple[BigPrint, ...]:
        """The session's last 10 big prints after `count` rows."""
        number, _, _ = self.locate(count)
        big = []
        for print_ in self.prints:
            session, ts, side = print_["key"]
            seen = [part for part in print_["parts"] if part[0] < count]
            threshold = self.thresholds[ts // MIN]
            size = sum(part[2] for part in seen)
            if session == number and seen and threshold is not None and size >= threshold:
                big.append(BigPrint(ts, seen[-1][1], size, side))
        return tuple(big[-10:])

    def finished_bars(self, count: int) -> tuple[Bar, ...]:
        """The session's bars before the running one."""
        number, x, n = self.locate(count)
        done = self.finished(number)[-20:]
        bars = []
        for start, first, end in self.bars(x, n)[:-1]:
            prices = x.price[first:end]
            ranges = [max(p) - min(p) for p in (self.minute_prices(y, start - x.open_ns) for y in done) if p]
            inside = x.open_ns <= start < x.close_ns
            bars.append(Bar(
                start, prices[0], max(prices), min(prices), prices[-1], x.volume[end] - x.volume[first],
                x.cvd[end] - x.cvd[first], end - first, float(median(ranges)) if ranges and inside else None,
            ))
        return tuple(bars)

    @staticmethod
    def minute_prices(x: Session, since_open: int) -> list[int]:
        start = x.open_ns + since_open
        if not x.open_ns <= start < x.close_ns:
            return []
        return x.price[bisect_left(x.ts, start) : bisect_left(x.ts, start + MIN)]

    def footprint(self, count: int):
        """Start and delta of the last finished bar, and its rows with buy and sell volume."""
        _, x, n = self.locate(count)
        bars = self.bars(x, n)
        if len(bars) < 2:
            return None
        start, first, end = bars[-2]
        rows = {p: [0, 0] for p in range(min(x.price[first:end]), max(x.price[first:end]) + 1)}
        for i in range(first, end):
            if x.side[i] != 0:
                rows[x.price[i]][0 if x.side[i] == 1 else 1] += x.size[i]
        return start, x.cvd[end] - x.cvd[first], [(p, *rows[p]) for p in sorted(rows)]

    def nodes(self, count: int) -> tuple[list[int], list[int]]:
        """Prices of the HVN and the LVN."""
        _, x, n = self.locate(count)
        low, high = x.low[n - 1], x.high[n - 1]
        volume = [0] * (high - low + 1)
        for price, size in zip(x.price[:n], x.size[:n], strict=True):
            volume[price - low] += size
        rows = len(volume)
        target = max(5, rows / 20)
        w = min((w for w in range(1, rows + 10, 2)), key=lambda w: (abs(w - target), -w))
        half = w // 2
        smooth = [sum(volume[max(0, i - half) : i + half + 1]) / len(volume[max(0, i - half) : i + half + 1])
                  for i in range(rows)]
        mean = sum(volume) / rows

        def extreme(i: int, sign: int) -> bool:
            if i > 0 and smooth[i - 1] == smooth[i]:
                return False                            # not the lowest row of its plateau
            end = i
            while end + 1 < rows and smooth[end + 1] == smooth[i]:
                end += 1
            around = [j for j in range(max(0, i - half), min(rows, i + half + 1)) if j < i or j > end]
            return all(sign * smooth[j] < sign * smooth[i] for j in around)

        hvn = [i for i in range(rows) if smooth[i] > 1.5 * mean and extreme(i, 1)]
        lvn = [i for i in range(rows) if smooth[i] < 0.5 * mean and extreme(i, -1)
               and any(j < i for j in hvn) and any(j > i for j in hvn)]
        hvn.sort(key=lambda i: (-smooth[i], i))
        lvn.sort(key=lambda i: (smooth[i], i))
        return [low + i for i in hvn[:5]], [low + i for i in lvn[:5]]
