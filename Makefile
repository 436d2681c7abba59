# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# Names only: what each target does is in the script of util/ that it calls.
# Settings are environment variables or arguments: make run SERVICE_PORT=9000

.DEFAULT_GOAL := help

.PHONY: help run start stop demo-kill demo-start build test test-oidc \
	test-suite unit asan fuzz bench timing chaos image-test lint fmt clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' \
	    $(MAKEFILE_LIST)

run: ## install what is missing, build, run in the foreground (SERVICE_PORT)
	@util/deps build run
	@util/build
	@exec util/gateway run

start: ## the same in the background, files under build/run/
	@util/deps build run
	@util/build
	@util/gateway start

stop: ## stop what make start started
	@util/gateway stop

demo-kill: ## kill one demo service: make demo-kill SERVICE=training
	@util/demo/control kill "$(SERVICE)"

demo-start: ## bring it back: make demo-start SERVICE=training
	@util/demo/control start "$(SERVICE)"

build: ## build/ngx_mlsec_module.so; NGINX_SRC=dir [FULL=1]: for that source
	@util/deps build
	@util/build

test: ## everything: build, lint, unit, t/; T=aggregate: that folder or file
	@util/deps build run test lint
	@exec util/test

test-oidc: ## an OpenID provider of npm whose keys rotate (network)
	@util/deps build run oidc
	@util/build
	@exec util/test-oidc

test-suite: ## with the nginx of another Debian: SUITE=trixie (sid)
	@util/deps build test
	@exec util/test-suite "$(or $(SUITE),sid)" $(T)

unit: ## unit tests of src/lib alone
	@util/deps build test
	@exec t/unit/run.sh build

asan: ## the tests with the module under address and undefined sanitizers
	@util/deps build run test asan
	@exec util/asan

fuzz: ## fuzz a parser, all without FUZZ: make fuzz FUZZ=json_scan SECS=60
	@util/deps build fuzz
	@exec util/fuzz "$(FUZZ)" "$(or $(SECS),60)"

bench: ## side-by-side figures, raw results in build/bench/
	@util/deps build run bench
	@util/build
	@bench/run
	@bench/platform
	@bench/service
	@bench/limits
	@bench/auth
	@bench/leases
	@bench/filter

timing: ## whether API keys can be guessed by the time of answers
	@util/deps build run bench
	@util/build
	@bench/timing

chaos: ## services, DNS and clock fail under load: bench/chaos/run (S=dns)
	@util/deps build run test
	@util/build
	@CHAOS=1 util/build
	@bench/chaos/run $(S)

image-test: ## build the container image, run it, look at it (root)
	@util/deps image
	@exec util/image-test

lint: ## style, layers, static analysis, shellcheck
	@util/deps build lint
	@exec util/lint

fmt: ## trailing blanks, tabs, line ends, final newlines
	@exec util/fmt

clean: ## stop what runs here, remove build/
	@util/gateway stop --quiet
	@rm -rf build
