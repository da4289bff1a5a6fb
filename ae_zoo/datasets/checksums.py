"""Addresses of the published files of our data sets."""

from pathlib import PurePosixPath


def addresses(builder, folder: str) -> dict[str, str]:
    """Path of a file in a folder -> its address, for all files of the folder.

    Args:
        builder: a builder of TensorFlow Datasets, or its class, with its files in
            checksums.tsv.
        folder: a folder in the manual folder, such as 'bsds500/val'.
    """
    paths = {url: PurePosixPath(i.filename) for url, i in builder.url_infos.items()}
    return {
        str(path.relative_to(folder)): url
        for url, path in paths.items()
        if path.is_relative_to(folder)
    }
