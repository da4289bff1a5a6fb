"""Photographs of the denoising literature: builders for TensorFlow Datasets.

Importing this module registers `bsds500`, `bsd68`, `cbsd68` and `set12`. TFDS expects
checksums.tsv beside this module. Each of its lines describes one file: address, bytes,
SHA-256, and path in the manual folder. A file in the manual folder is not downloaded.
"""

import tensorflow_datasets as tfds

from ae_zoo.datasets.checksums import addresses

# bsds500/val holds the 68 pictures of bsd68 in colour: `test001.png` is 101085.jpg.
_CBSD68 = """
    101085 101087 102061 103070 105025 106024 108005 108070 108082 109053 119082 12084
    123074 126007 130026 134035 14037 143090 145086 147091 148026 148089 157055 159008
    160068 16077 163085 167062 167083 170057 175032 175043 182053 189080 19021 196073
    197017 208001 210088 21077 216081 219090 220075 223061 227092 229036 236037 24077
    241004 241048 253027 253055 260058 271035 285079 291000 295087 296007 296059 299086
    300091 302008 304034 304074 306005 3096 33039 351093
""".split()  # noqa: SIM905


class _Photographs(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Published image files, in the order of their names.

    Attributes:
        FOLDER: folder of a split in the manual folder.
        SPLITS: names of the splits.
        CHANNELS: 1 for grey, 3 for RGB.
        HOMEPAGE: web page of the set.
    """

    VERSION = tfds.core.Version("1.0.0")
    MAX_SIMULTANEOUS_DOWNLOADS = 8  # to spare the server
    SPLITS = ("test",)
    CHANNELS = 3
    HOMEPAGE = "https://github.com/BIDS/BSDS500"

    @classmethod
    def addresses(cls, split: str) -> dict[str, str]:
        """File name -> address, for the files of a split."""
        return addresses(cls, cls.FOLDER.format(split=split))

    def _info(self):
        image = tfds.features.Image(shape=(None, None, self.CHANNELS))
        return tfds.core.DatasetInfo(
            builder=self,
            description=type(self).__doc__,
            features=tfds.features.FeaturesDict(
                {"image": image, "filename": tfds.features.Text()}
            ),
            homepage=self.HOMEPAGE,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        generators = {}
        for split in self.SPLITS:
            addresses = self.addresses(split)
            # One file first: offline, TFDS would retry all of them for minutes.
            dl_manager.download(next(iter(addresses.values())))
            files = dl_manager.download(addresses)
            generators[split] = self._generate_examples(files)
        return generators

    def _generate_examples(self, files):
        # Given a path, not an array, TFDS stores the bytes of the file.
        for key, (name, path) in enumerate(sorted(files.items())):
            yield key, {"image": path, "filename": name}


class Bsds500(_Photographs):
    """Berkeley Segmentation Data Set: 500 colour photographs, JPEG, 481 x 321.

    For non-commercial research and education. The photographs of `cbsd68` and
    `bsd68` are all in 'val': train on 'train+test'.
    """

    FOLDER = "bsds500/{split}"
    SPLITS = ("train", "val", "test")


class Cbsd68(_Photographs):
    """The photographs of `bsd68` in colour, in the same order, from `bsds500`."""

    FOLDER = "bsds500/val"

    @classmethod
    def addresses(cls, split: str) -> dict[str, str]:
        every = super().addresses(split)
        return {f"{number}.jpg": every[f"{number}.jpg"] for number in _CBSD68}


class _Grey(_Photographs, skip_registration=True):
    CHANNELS = 1
    HOMEPAGE = "https://github.com/cszn/DnCNN"


class Bsd68(_Grey):
    """68 grey photographs, PNG, a standard test set for denoising."""

    FOLDER = "bsd68"


class Set12(_Grey):
    """12 grey images, PNG, from Cameraman to Couple, a test set for denoising."""

    FOLDER = "set12"
