# The front door: every chore has a target, and each installs what it needs on a fresh Debian 12.
# The work itself is CMake's (CMakePresets.json) and that of the scripts in scripts/.

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
export FUZZ_SECONDS

.DEFAULT_GOAL := help
.PHONY: help build run test lint tidy format fuzz sanitize asan tsan bench train guard install package clean

# $(call cmake,PRESET[,TARGET...]) configures once and builds; ninja configures again when it must.
cmake = @test -f build/$(1)/build.ninja || cmake --preset $(1) && cmake --build --preset $(1) $(if $(2),--target $(2))

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

build: ## build/release/cirque
	@scripts/install-deps build
	$(call cmake,release,cirque)

run: build ## demo backends and the proxy on config/default.yaml, until Ctrl-C
	@exec build/release/cirque demo

test: ## unit tests and end-to-end tests
	@scripts/install-deps build test
	$(call cmake,release)
	@scripts/run-tests release $(PYTEST)

lint: ## format, layers, habits, and that every claimed test exists
	@scripts/install-deps lint
	@scripts/lint

tidy: ## clang-tidy on the sources that changed since the last commit
	@scripts/install-deps build lint
	$(call cmake,debug)
	@git diff --name-only --diff-filter=d HEAD -- '*.cpp' | xargs -r -n1 -P2 clang-tidy-19 -p build/debug --quiet

format: ## let clang-format have its way
	@scripts/install-deps lint
	@git ls-files --cached --others --exclude-standard -- '*.cpp' '*.h' | xargs -r clang-format-19 -i

fuzz: ## each fuzz target for FUZZ_SECONDS (60)
	@scripts/install-deps build test
	$(call cmake,fuzz)
	@scripts/fuzz

sanitize: asan tsan ## all tests under ASan and UBSan, the concurrent ones under TSan

asan:
	@scripts/install-deps build test
	$(call cmake,asan)
	@scripts/run-tests asan $(PYTEST)

tsan:
	@scripts/install-deps build test
	$(call cmake,tsan)
	@scripts/run-tests tsan -m tsan $(PYTEST)

bench: build ## Cirque beside nginx and HAProxy (BENCH="--quick --scenario c64" for less)
	@scripts/install-deps bench
	@/usr/bin/python3 bench/run.py $(BENCH)

train: ## bench/release.profdata, which release builds are optimised with, from the code as it is now
	@scripts/install-deps build train
	$(call cmake,train,cirque)
	@/usr/bin/python3 bench/train.py

guard: build ## instructions and system calls a request, with limits
	@scripts/install-deps test
	@/usr/bin/python3 bench/guard.py

install: build ## into PREFIX (/usr/local), below DESTDIR
	@cmake --install build/release --prefix $(PREFIX)

package: build ## a Debian package in build/
	@scripts/install-deps package
	@scripts/package

clean: ## forget everything that was built
	@rm -rf build
