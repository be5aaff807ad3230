"""`python -m holdfast`: the command line, without the script that an installation puts on the PATH."""

from holdfast.cli.main import main

if __name__ == "__main__":
    main()
