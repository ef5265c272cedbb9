"""Run every benchmark, print the tables, write the records. These are measurements, never tests."""

from rich.console import Console

from benchmarks import jacobian, network_jacobian, score, spectrum, training
from benchmarks.timing import machine, record


def main() -> None:
    console = Console()
    console.print(", ".join(f"{key} {value}" for key, value in machine().items()))
    for benchmark in (spectrum, score, jacobian, training, network_jacobian):
        rows, name = benchmark.run(), benchmark.__name__.rpartition(".")[2]
        console.print(benchmark.table(rows))
        console.print(f"recorded in {record(name, rows)}")


if __name__ == "__main__":
    main()
