"""One version of one framework for tox: installed, then run unless there are results already.

    python reports/matrix.py install PACKAGE...                 instead of pip, in an environment of the matrix
    python reports/matrix.py run NAME [ARGUMENT...]             writes reports/results/NAME.jsonl

It is run by the old interpreter; standard library only. The suite itself runs in the environment `controller`.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
IMPLEMENTATIONS = (
    # what a name begins with, what it has in it, implementation
    ("keras2.", "-tf", "keras2:tensorflow"),
    ("tfkeras2.", "-tf", "keras2:tensorflow"),
    ("keras3.", "-tf", "keras:tensorflow"),
    ("keras3.", "-torch", "keras:torch"),
    ("keras3.", "-jax", "keras:jax"),
    ("torch", "", "torch"),
)
ARGUMENTS = ["--profile", "quick", "--seed", "1", "--fail-on", "broken"]


def main() -> int:
    """Do what the arguments say."""
    command, *rest = sys.argv[1:] or [""]
    if command == "install" and rest:
        return install(rest)
    if command == "run" and rest:
        return run(*rest)
    print("usage: matrix.py install PACKAGE... | run NAME [ARGUMENT...]", file=sys.stderr)
    return 2


def install(packages: list[str]) -> int:
    """Install; what cannot be had is told in one line, and tried again the next time.

    Keras comes in a step of its own, after the rest: TensorFlow asks for a newer Keras than some of those that are
    compared here, works with them nevertheless, and pip refuses only to install both at once.
    """
    first = [package for package in packages if not package.startswith("keras")]
    for step in (first, [package for package in packages if package not in first]):
        if step and (missing := pip_install(step)):
            print(f"cannot be had on this machine: {missing}")
            return 1
    return 0


def pip_install(packages: list[str]) -> str:
    """What pip says in one line if it cannot; empty if it can."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", *packages]
    done = subprocess.run(pip, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603
    if not done.returncode:
        return ""
    said = [line.partition("ERROR: ")[2] for line in done.stdout.splitlines() if line.startswith("ERROR: ")]
    return next((line for line in reversed(said) if not line.startswith("ResolutionImpossible")), "pip failed")


def run(name: str, *arguments: str) -> int:
    """Run one environment of the matrix; results that are whole are kept."""
    implementation = next(what for start, part, what in IMPLEMENTATIONS if name.startswith(start) and part in name)
    kept = RESULTS / (name + ".jsonl")
    if is_whole(kept):
        print(f"{name}: kept, results are in {kept}")
        return 0
    suite = shutil.which("rnn-conformance", path=str(Path(sys.prefix).parent / "controller" / "bin"))
    if suite is None:
        print(f"{name}: the suite is not installed; run `tox run -e controller` first")
        return 1
    out = RESULTS / name
    python = f"{implementation}={from_root(Path(sys.executable))}"
    command = [suite, "run", implementation, "--python", python, "--out", from_root(out), *ARGUMENTS, *arguments]
    code = subprocess.call(command, cwd=HERE.parent)  # noqa: S603
    if is_whole(out / "results.jsonl"):
        (out / "results.jsonl").replace(kept)
        shutil.rmtree(out)
    return code


def from_root(path: Path) -> str:
    """A path from the root of the project, if it is in there: the command stands in results, which are published."""
    return str(path.relative_to(HERE.parent) if HERE.parent in path.parents else path)


def is_whole(file: Path) -> bool:
    """Whether a run came to its end."""
    if not file.exists():
        return False
    *_, last = file.read_text(encoding="utf-8").splitlines() or [""]
    try:
        record = json.loads(last)
    except ValueError:
        return False
    return isinstance(record, dict) and record.get("type") == "footer" and record.get("reason") == "finished"


if __name__ == "__main__":
    sys.exit(main())
