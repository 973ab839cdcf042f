"""`python -m parrot_async` is the command `parrot-async`."""

from parrot_async.cli import main

if __name__ == "__main__":
    main()
