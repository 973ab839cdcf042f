"""Each job store among other processes, on bad disks, behind bad lines."""
