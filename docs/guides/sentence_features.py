"""Features for sentences: find the sentence that a bad scan shows.

    python docs/guides/sentence_features.py
    python docs/guides/sentence_features.py lines.txt --query "wbere is the statlon"

The codes represent the letter at each position, so wrong letters hardly change them.
They do not represent meaning. An inserted or missing letter shifts all letters after
it. Without a file the script uses 24 questions and replaces some of their letters. The
baselines are TF-IDF of words and of groups of two to four characters.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from ae_zoo.data.texts import one_hot
from ae_zoo.tasks import FeatureExtractor

MODEL = "conv1d_ae.sentences"
LETTERS = list("abcdefghijklmnopqrstuvwxyz")
QUESTIONS = """\
Where is the railway station?
When does the next train to Vienna leave?
How much is a ticket for two children?
Is there a pharmacy near the harbour?
Which bus goes to the old town?
Can I pay by card or only in cash?
What time do you close on Sundays?
Who painted the ceiling of this chapel?
How many people live on the island?
Why was the bridge never finished?
Where can I leave my luggage for a day?
Do you have a room with a view of the lake?
What is the highest mountain of the range?
How long does the ferry take in winter?
When was the town hall built?
Who wrote the anthem of this country?
Is breakfast included in the price?
Could you call a taxi to the airport?
What does this sign at the gate mean?
Which wine goes well with the fish?
How deep is the lake at its middle?
Where do the fishermen sell their catch?
Are dogs allowed on the upper deck?
When will the library open again?
"""


def scan(text: str, wrong: float, rng) -> str:
    """Replaces a fraction of the characters by random letters."""
    return "".join(rng.choice(LETTERS) if rng.random() < wrong else c for c in text)


def share_found(known, asked) -> float:
    """Fraction of the rows whose nearest known row has the same index."""
    nearest = cosine_similarity(asked, known).argmax(axis=1)
    return float(np.mean(nearest == np.arange(len(nearest))))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, help="one text a line")
    parser.add_argument("--query", default="Wbcre ix tho rajlwoy stotiun?")
    parser.add_argument("--wrong", type=float, default=0.4, help="fraction of letters")
    options = parser.parse_args(arguments)
    text = options.file.read_text("utf-8") if options.file else QUESTIONS
    sentences = [line for line in text.splitlines() if line.strip()]

    extractor = FeatureExtractor(MODEL)
    codes = extractor(one_hot(sentences))
    nearness = cosine_similarity(extractor(one_hot([options.query])), codes)[0]
    for place in nearness.argsort()[::-1][:3]:
        print(f"{nearness[place]:.2f}  {sentences[place]}")

    rng = np.random.default_rng(0)
    scanned = [scan(sentence, options.wrong, rng) for sentence in sentences]
    words = TfidfVectorizer().fit(sentences)
    groups = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit(sentences)
    found = {
        "codes": share_found(codes, extractor(one_hot(scanned))),
        "words": share_found(words.transform(sentences), words.transform(scanned)),
        "groups": share_found(groups.transform(sentences), groups.transform(scanned)),
    }
    for name, share in found.items():
        print(f"scanned sentences found by {name}: {share:.0%}")
    return found


if __name__ == "__main__":
    main()
