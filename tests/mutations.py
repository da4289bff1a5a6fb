"""Damaged `.aez` files: bits flipped; bytes cut, moved, copied or random."""

import struct

import numpy as np


def fields_of(file):
    size = struct.unpack_from("<H", file, 5)[0]
    return file[7 : 7 + size]


def pieces(file):
    """A file cut at its borders: the header, then each segment."""
    ends = [7 + len(fields_of(file)) + 4]
    while ends[-1] < len(file):
        size = struct.unpack_from("<I", file, ends[-1] + 4)[0]
        ends.append(ends[-1] + 8 + size + 4)
    return [file[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def mutations(files, count):
    """`count` files, each made of one or two of `files`, seeded."""
    rng = np.random.default_rng(7)
    cut = [pieces(file) for file in files]

    def place(data):
        return rng.integers(len(data) + 1)

    for index in range(count):
        one, other = rng.integers(len(files), size=2)
        data, parts = bytearray(files[one]), list(cut[one])
        borrowed = cut[other]
        i, j = rng.integers(len(parts), size=2)
        match index % 12:
            case 0 | 1:
                for _ in range(rng.integers(1, 5)):
                    data[rng.integers(len(data))] ^= 1 << rng.integers(8)
            case 2:
                at = place(data)
                data[at : at + rng.integers(1, 9)] = rng.bytes(rng.integers(1, 9))
            case 3:
                del data[place(data) :]
            case 4:
                at = place(data)
                del data[at : at + rng.integers(1, 99)]
            case 5:
                at = place(data)
                data[at:at] = rng.bytes(rng.integers(1, 99))
            case 6:
                data = data[: place(data)] + files[other][place(files[other]) :]
            case 7:
                data = b"".join(parts[:i] + borrowed[place(borrowed) :])
            case 8:
                parts[i] = borrowed[rng.integers(len(borrowed))]
                data = b"".join(parts)
            case 9:
                parts[i], parts[j] = parts[j], parts[i]
                data = b"".join(parts)
            case 10:
                parts.insert(i, parts[j])
                data = b"".join(parts)
            case 11 if index % 24 == 11:
                del parts[i]
                data = b"".join(parts)
            case 11:
                data = b"AEZ\n\1" * rng.integers(2) + rng.bytes(rng.integers(300))
        yield bytes(data)
