"""Databento DBN tapes: transcoded to Databento CSV by databento's own library (extra `[dbn]`)."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fabio.adapters.data.csv_tape import ZSTD_MAGIC, open_csv
from fabio.adapters.data.errors import TapeError
from fabio.adapters.data.tape_source import TapeSource

DBN_MAGIC = b"DBN"
CHUNK_BYTES = 1 << 20


def open_dbn(path: Path) -> TapeSource:
    """Open a `.dbn` or `.dbn.zst` file of trades; its metadata names the contracts.

    Raises
    ------
    TapeError
        If the library is not installed, or the file is no DBN.
    """
    try:
        import databento_dbn as dbn
    except ImportError:
        raise TapeError(
            f"{path}: DBN needs databento-dbn; install the extra: pip install 'fabio[dbn]'"
        ) from None
    with tempfile.TemporaryDirectory(prefix="fabio-dbn-") as folder:
        csv = Path(folder) / "tape.csv"
        try:
            cut_bytes = _transcode(dbn, path, csv)
        except (dbn.DBNError, OSError, ValueError) as error:
            raise TapeError(f"{path}: is no complete DBN file ({error}); download it again") from None
        if not csv.stat().st_size:
            raise TapeError(f"{path}: is no complete DBN file (it holds no record); download it again")
        source = open_csv(csv, named=path)
    if cut_bytes:
        source.rejected_rows += 1
        source.notes.append(f"the file ends within a record ({cut_bytes} bytes left): it was cut")
    return source


def _transcode(dbn: Any, path: Path, csv: Path) -> int:
    """Write `csv`; give the number of bytes left over at the end, 0 for a whole file."""
    with csv.open("wb") as plain:
        transcoder = dbn.Transcoder(
            plain, dbn.Encoding.CSV, dbn.Compression.NONE, pretty_px=True, pretty_ts=False, map_symbols=True
        )
        for chunk in _plain_chunks(dbn, path):
            transcoder.write(chunk)
        transcoder.flush()
        left = len(transcoder.buffer())
        transcoder.finish()
    return left


def _plain_chunks(dbn: Any, path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        packed = file.read(4) == ZSTD_MAGIC
        file.seek(0)
        decoder = dbn.DBNDecoder(compression=dbn.Compression.ZSTD) if packed else None
        while chunk := file.read(CHUNK_BYTES):
            if decoder is None:
                yield chunk
            else:
                # the transcoder takes no compressed input: records are unpacked and handed on
                decoder.write(chunk)
                yield b"".join(bytes(record) for record in decoder.decode())
