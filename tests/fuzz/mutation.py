"""Inputs made from valid ones: cut, doubled, flipped, spliced, and with what parsers stumble over."""

import random
from collections.abc import Iterator, Sequence

_WORDS = (
    b"\x00", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b'"', b"'", b"\\", b"[" * 2000, b'{"a":' * 2000,
    b"(" * 500, b"NaN", b"Infinity", b"-1e999", b"1e999999", b"0" * 400, b"9" * 5000, b"-0",
    b"\xf0\x9f\x92\x8e", b"%s%n", b"../..",
    b",", b";", b"\t", b"\n", b"#", b"*", b"&a [*a]", b"!!python/object:os.system", b"data_", b"loop_",
    b"_cell_length_a",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff\x0f",
)  # fmt: skip


def mutations(seeds: Sequence[bytes], n_tries: int, seed: int) -> Iterator[bytes]:
    """That many inputs, the same for the same seed."""
    source = random.Random(seed)
    for _ in range(n_tries):
        content = source.choice(seeds)
        for _ in range(source.choice((1, 1, 2, 4, 8))):
            content = _change(content, seeds, source)
        yield content


def _change(content: bytes, seeds: Sequence[bytes], source: random.Random) -> bytes:
    begin, end = sorted((source.randint(0, len(content)), source.randint(0, len(content))))
    flipped = bytearray(content)
    for _ in range(min(len(flipped), source.choice((1, 4, 32)))):
        flipped[source.randrange(len(flipped))] = source.randrange(256)
    other, word = source.choice(seeds), source.choice(_WORDS)
    choices = (
        content[:begin],
        content[:begin] + content[end:],
        content[:end] + content[begin:end] * source.choice((1, 3, 50)) + content[end:],
        bytes(flipped),
        content[:begin] + word + content[end:],
        content[:begin] + word + content[begin:],
        content[:begin] + other[source.randint(0, len(other)) :],
    )
    return source.choice(choices)
