"""The tests: unit, contract, integration, typing and notebooks run in CI; benchmarks by hand."""
