"""Side by side with raw Dask in one run; each prints one line of JSON."""
