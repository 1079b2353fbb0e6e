"""``python -m rewardgym``: the command line, for launchers that start modules (accelerate)."""

from rewardgym.cli import main

if __name__ == "__main__":
    main()
