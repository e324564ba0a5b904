#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Split the King James Bible into the texts of the sample lm-kjv-3M.

Reads the output of `bible -f Gen1:1-Rev22:21` (Debian packages bible-kjv and bible-kjv-text), joins
the verses of each chapter into one line without their references, shuffles the chapters and writes

    kjv_train.txt         1009 chapters and the calibration text
    kjv_calibration.txt     60 chapters, part of the training text
    kjv_eval.txt            60 chapters, held out
    kjv_heldout.txt         60 chapters, held out and used for nothing yet

The same seed gives the same files, so the texts of the sample can be checked byte by byte.
"""
import argparse
import random
import re
from pathlib import Path

VERSE = re.compile(r"^(\S+?)(\d+):(\d+) (.*)$")  # "Ge1:1 In the beginning …"
CHAPTERS_PER_HELD_SET = 60


def read_chapters(lines):
    """The chapters in the order of the book, each as one line of text."""
    verses_of = {}
    for line in lines:
        match = VERSE.match(line)
        if match:
            book, chapter, _, text = match.groups()
            verses_of.setdefault((book, int(chapter)), []).append(text)
    return [" ".join(verses) for verses in verses_of.values()]


def write_lines(path, lines):
    path.write_text("\n".join(lines) + "\n")
    print(f"{path}: {len(lines)} chapters, {path.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("text", type=Path, help="output of: bible -f Gen1:1-Rev22:21")
    parser.add_argument("--output", type=Path, default=Path("."), help="folder for the four files")
    parser.add_argument("--seed", type=int, default=7, help="seed of the shuffle (default: 7)")
    arguments = parser.parse_args()

    chapters = read_chapters(arguments.text.read_text().split("\n"))
    random.seed(arguments.seed)
    random.shuffle(chapters)

    size = CHAPTERS_PER_HELD_SET
    evaluation = chapters[:size]
    held_out = chapters[size : 2 * size]
    calibration = chapters[2 * size : 3 * size]
    training = chapters[3 * size :] + calibration

    arguments.output.mkdir(parents=True, exist_ok=True)
    write_lines(arguments.output / "kjv_train.txt", training)
    write_lines(arguments.output / "kjv_calibration.txt", calibration)
    write_lines(arguments.output / "kjv_eval.txt", evaluation)
    write_lines(arguments.output / "kjv_heldout.txt", held_out)


if __name__ == "__main__":
    main()
