"""Run every benchmark, print the tables, write the records. These are measurements, never tests."""

from rich.console import Console

from benchmarks import jacobian, score, spectrum
from benchmarks.timing import machine, record


def main() -> None:
    console = Console()
    console.print(", ".join(f"{key} {value}" for key, value in machine().items()))
    for name, benchmark in (("spectrum", spectrum), ("score", score), ("jacobian", jacobian)):
        rows = benchmark.run()
        console.print(benchmark.table(rows))
        console.print(f"recorded in {record(name, rows)}")


if __name__ == "__main__":
    main()
