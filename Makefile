# Nothing to install first: tools/env.py builds each environment once per set of pins, with python -m venv and pip.
LIGHT := tools/python tools/env.py light
TEST := tools/python tools/env.py test
MEMOS := $(LIGHT) python -m memos_mcp.apps.cli
INSTALLED := .venv/bin
NEO4J_FOLDER := $(HOME)/.memos/neo4j
SGLANG_FOLDER := $(HOME)/.memos/sglang
# Tests wait for the disk half of their time; what they write lies in memory where there is room for it.
IN_MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 {print "TMPDIR=/dev/shm"}')

.DEFAULT_GOAL := help
.PHONY: help run test coverage lowest kv check serve bench figures neo4j sglang format twin schema weights wheel mcpb install env pins \
	clean

help: ## show this menu
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## set up what the demo needs (no torch, one small model), then run it
	@$(LIGHT) true
	@$(MEMOS) model list | grep -q '^all-MiniLM-L6-v2 ' || $(MEMOS) model install || \
		echo 'memos: going on with words alone' >&2
	@$(MEMOS) demo

test: check ## set up what the tests need, then check and run all tests
	@$(IN_MEMORY) $(TEST) pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder

coverage: ## the same tests, slower, with the lines that they reach: 90 % of them at least
	@$(IN_MEMORY) $(TEST) pytest --cov --numprocesses=auto --dist=loadfile --no-loadscope-reorder

lowest: ## run the tests of LlamaIndex with the oldest version of it that is accepted
	@tools/python tools/env.py lowest pytest -W ignore::pydantic.warnings.UnsupportedFieldAttributeWarning \
		tests/unit/adapters/test_llama_index_*.py tests/integration/test_llama_index_together.py

kv: ## run the tests of activation and parametric memory, with torch: 2.7 GB to fetch, once
	@$(IN_MEMORY) tools/python tools/env.py kv pytest tests/unit/activation tests/unit/parametric \
		tests/conformance/test_activation_backend.py -k "not real"

check: ## format, lint, types, imports, sizes
	@$(TEST) ruff format --check
	@$(TEST) ruff check
	@$(TEST) pyright
	@$(TEST) lint-imports --no-logo
	@$(TEST) python tools/sizes.py
	@$(foreach gate,$(wildcard tools/twin.py tools/schema.py tools/mcpb.py),$(TEST) python $(gate) --check &&) true

serve: ## run the MCP server over stdio
	@$(LIGHT) python -m memos_mcp

bench: ## run the benchmarks
	@$(TEST) python -m benchmarks

figures: ## draw the figures of the documentation from what the benchmarks kept
	@$(TEST) python -m benchmarks.ttft_chart

neo4j: ## start a Neo4j on port 7687 without docker; ARGS=stop stops it
	@tools/python -m tools.neo4j_server $(or $(ARGS),start 7687) $(NEO4J_FOLDER)

sglang: ## start an SGLang on port 30000 on the CPU, with a tiny model; ARGS=stop stops it
	@tools/python -m tools.sglang_server $(or $(ARGS),start 30000) $(SGLANG_FOLDER)

format: ## format the code and apply the safe fixes of the linter
	@$(TEST) ruff check --fix
	@$(TEST) ruff format

twin: ## write the blocking twins from the async classes
	@$(TEST) python tools/twin.py

weights: ## learn anew how sentences are read (three minutes)
	@$(TEST) env PYTHONPATH=.:graph:adapters python tools/weights.py

schema: ## write the schemas that are checked in
	@$(TEST) python tools/schema.py

wheel: ## build the wheel into dist/
	@$(TEST) pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

mcpb: ## build dist/memos.mcpb, a bundle for Claude Desktop
	@$(TEST) python tools/mcpb.py

install: ## install into .venv; EXTRAS=embed,neo4j adds extras
	@tools/python -m venv .venv
	@$(INSTALLED)/pip install --quiet --constraint constraints.txt ".$(if $(EXTRAS),[$(EXTRAS)])"
	@echo "$(CURDIR)/$(INSTALLED)/memos-mcp"

env: ## print the Python of the test environment, for an editor
	@$(TEST) python -c 'import sys; print(sys.executable)'

pins: ## resolve constraints.txt anew
	@tools/python tools/pins.py

clean: ## remove what make left in this clone
	@rm -rf .venv build dist .coverage .hypothesis .import_linter_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
