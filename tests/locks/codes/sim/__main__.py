"""python -m tests.locks.codes.sim [--worlds 1000] [--seed 7] [--first 0]"""

import argparse
import sys
import time
from collections import Counter

from tests.locks.codes.sim.world import World


def main() -> int:
    parser = argparse.ArgumentParser(description="Simulate worlds of access codes.")
    parser.add_argument("--worlds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="one world only")
    asked = parser.parse_args()
    seeds = (
        [asked.seed] if asked.seed is not None else range(asked.first, asked.first + asked.worlds)
    )
    began = time.perf_counter()
    seen: Counter[str] = Counter()
    bad = 0
    for seed in seeds:
        verdict = World(seed).run()
        seen.update(verdict.seen)
        if verdict.wrong:
            bad += 1
            print(f"seed {seed}: {'; '.join(verdict.wrong)}")
    took = time.perf_counter() - began
    print(", ".join(f"{word} {count}" for word, count in sorted(seen.items())))
    print(f"{len(list(seeds))} worlds in {took:.1f} s, {bad} of them wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
