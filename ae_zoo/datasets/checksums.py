"""Where the files of our data sets are published."""

from pathlib import PurePosixPath


def addresses(builder, folder: str) -> dict[str, str]:
    """The address of each file below a folder, by its path in it.

    Args:
        builder: a builder of TensorFlow Datasets, or its class, whose files are in
            checksums.tsv.
        folder: of the manual folder, such as 'bsds500/val'.
    """
    paths = {url: PurePosixPath(i.filename) for url, i in builder.url_infos.items()}
    return {
        str(path.relative_to(folder)): url
        for url, path in paths.items()
        if path.is_relative_to(folder)
    }
