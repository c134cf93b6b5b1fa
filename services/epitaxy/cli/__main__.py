"""``python -m epitaxy.cli`` is the ``epitaxy`` command."""

from epitaxy.cli.main import main

if __name__ == "__main__":
    main()
