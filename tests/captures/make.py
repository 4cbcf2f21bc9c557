#!/usr/bin/python3
"""make.py FOLDER: writes the capture of each case there, as NAME.capture."""
import importlib.util
import pathlib
import sys

HERE = pathlib.Path(__file__).parent


def main():
    folder = pathlib.Path(sys.argv[1])
    for script in sorted(HERE.glob("*/capture.py")):
        name = script.parent.name
        spec = importlib.util.spec_from_file_location(name, script)
        case = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(case)
        if not case.__doc__:
            sys.exit(f"{script}: does not say what it is about")
        (folder / f"{name}.capture").write_bytes(case.capture())


main()
