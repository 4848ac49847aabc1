# logikald. `make run` and `make test` do everything, `make help` lists the rest.
# Two variants are built side by side: release in build/, sanitizers (ASan and UBSan) in build/asan/.

CC        ?= gcc
VARIANT   ?= release
ifeq ($(VARIANT),fuzz)
CC        := clang
endif
ifeq ($(VARIANT),arm64)
CC        := aarch64-linux-gnu-gcc
endif
VERSION   := $(shell cat VERSION)
# What the programs call themselves: the version, and the commit or, without git, a hash of the sources. Builds for tests
# have one name, so that a commit does not link them anew.
REVISION  ?= $(shell git describe --always --dirty=-changed --abbrev=7 --exclude '*' 2>/dev/null || \
               find conf ipc services supervisor -type f | LC_ALL=C sort | xargs cat | sha256sum | cut -c1-7)
BUILD     := $(VERSION)+$(if $(filter release,$(VARIANT)),$(REVISION),dev)
ROOT      := $(if $(filter release,$(VARIANT)),build,build/$(VARIANT))
OBJ       := $(ROOT)/obj

PKGS_LIGHT := libevent_core libconfig libcjson
PKGS       := libevent_core libevent_extra libevent_openssl openssl hiredis libpq libcurl sqlite3 libsodium libjwt zlib \
              libcjson libconfig libseccomp liblzma libzstd libpcre2-8

WARN      := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wformat=2
CPPFLAGS  += -D_GNU_SOURCE -I. $(shell pkg-config --cflags-only-I $(PKGS) 2>/dev/null)
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
CFLAGS_arm64    = $(CFLAGS_release)
CFLAGS_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
CFLAGS_fuzz     := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
CFLAGS_coverage := -O0 -g --coverage
LDFLAGS_release := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
LDFLAGS_arm64   = $(LDFLAGS_release)
# Tests link 150 programs: with mold, where it is, in a third of the time.
MOLD            := $(if $(filter arm64,$(VARIANT)),,$(if $(shell command -v mold),-fuse-ld=mold))
LDFLAGS_asan    := -fsanitize=address,undefined -Wl,--as-needed $(MOLD)
LDFLAGS_fuzz    := -fsanitize=fuzzer,address,undefined -Wl,-z,muldefs -Wl,--as-needed $(MOLD)
LDFLAGS_coverage := --coverage $(MOLD)
CFLAGS    += -std=c11 $(WARN) $(CFLAGS_$(VARIANT)) -MMD -MP
LDFLAGS   += $(LDFLAGS_$(VARIANT))

LIBS_LIGHT := $(shell pkg-config --libs $(PKGS_LIGHT) 2>/dev/null)
# libcrypt is linked in any case: the sanitizers wrap crypt_r, and would hide that it is needed.
LIBS       := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lbz2 -Wl,--push-state,--no-as-needed -lcrypt -Wl,--pop-state -lm
LIBS_BEAT  := $(shell pkg-config --libs libevent_core libevent_extra libevent_openssl openssl hiredis libcjson libconfig 2>/dev/null) -lm
LIBS_SIM   := $(shell pkg-config --libs libevent_core libevent_extra libcjson sqlite3 libpng libcrypto zlib 2>/dev/null) -lm

# The supervisor links little and stays tiny; what the roles need is in a second program beside it.
SRC_CONF    := $(wildcard conf/*.c conf/*/*.c)
SRC_IPC     := $(wildcard ipc/*.c ipc/*/*.c)
SRC_IPC_LIGHT := $(wildcard ipc/notify.c ipc/control*.c ipc/snapshot*.c ipc/flight.c ipc/task.c)
SRC_SUP     := $(filter-out supervisor/main.c,$(wildcard supervisor/*.c supervisor/*/*.c))
SRC_SERVICES := $(filter-out services/main.c services/roles.c services/roles_light.c,$(wildcard services/*.c services/*/*.c services/*/*/*.c services/*/*/*/*.c))
SRC_SIM     := $(filter-out tests/sim/main.c,$(wildcard tests/sim/*.c tests/sim/*/*.c))
SRC_SIM_CONF := conf/text/buf.c conf/clock.c conf/err.c conf/log.c conf/machine/random.c conf/text/utf8.c ipc/notify.c
SRC_SUPPORT := $(wildcard tests/support/*.c tests/support/*/*.c)
EMBEDDED    := lua migrations assets
DIR_lua        := ipc/lua
DIR_migrations := services/store/migrations
DIR_assets     := $(OBJ)/assets

objs = $(patsubst %.c,$(OBJ)/%.o,$(1))
OBJ_LIGHT    := $(OBJ)/version.o $(call objs,$(SRC_CONF) $(SRC_IPC_LIGHT) $(SRC_SUP))
OBJ_EMBEDDED := $(EMBEDDED:%=$(OBJ)/embedded_%.o)
OBJ_ROLES    := $(OBJ)/version.o $(call objs,$(SRC_CONF) $(SRC_IPC) $(SRC_SERVICES)) $(OBJ_EMBEDDED)

# Folders of test programs; the programs themselves lie flat in $(ROOT)/tests.
TEST_WINGS := $(patsubst %/,%,$(sort $(dir $(wildcard tests/unit/test_*.c tests/unit/*/test_*.c \
              tests/integration/test_*.c tests/integration/*/test_*.c))))
TESTS_UNIT := $(patsubst %.c,$(ROOT)/tests/%,$(notdir $(wildcard tests/unit/test_*.c tests/unit/*/test_*.c)))
TESTS_INTEGRATION := $(patsubst %.c,$(ROOT)/tests/%,$(notdir $(wildcard tests/integration/test_*.c tests/integration/*/test_*.c)))

.DEFAULT_GOAL := all
.PHONY: FORCE container-test proof all programs run test setup clean clean-data format format-check lint check-arrows bench bench-http bench-queue bench-memory bench-sync bench-parts chaos soak \
        coverage screenshots fuzz fuzz-short fuzz-programs \
        help tests unit-tests analyze
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory -r
Q := $(if $(V),,@)

all: programs                   ## build build/logikald, build/logikald-roles, build/logikald-beat and build/logikal-sim

programs: $(ROOT)/logikald $(ROOT)/logikald-roles $(ROOT)/logikald-beat $(ROOT)/logikal-sim

# What an idle supervisor runs every few seconds comes first: pages of the rest are not needed meanwhile.
OFTEN := conf/machine/cgroup conf/clock conf/machine/file conf/log conf/text/buf ipc/snapshot supervisor/child/children supervisor/child/events supervisor/child/kin \
         supervisor/child/pulse supervisor/child/recorder supervisor/child/strays supervisor/child/upgrade supervisor/control/control \
         supervisor/control/keeper supervisor/log/log_sink supervisor/plan/child_state supervisor/plan/freeze \
         supervisor/system/run_dir conf/machine/trim supervisor/system/usage supervisor/watch/status \
         supervisor/watch/watch
$(ROOT)/logikald: $(OFTEN:%=$(OBJ)/%.o) $(filter-out $(OFTEN:%=$(OBJ)/%.o),$(OBJ_LIGHT) $(OBJ)/supervisor/main.o)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_LIGHT)

$(ROOT)/logikald-roles: $(OBJ_ROLES) $(OBJ)/services/main.o $(OBJ)/services/roles.o
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# Beat is a program of its own because it needs few libraries; an archive, so that only what it uses is in it.
$(OBJ)/beat.a: $(call objs,$(SRC_CONF) $(SRC_IPC) $(wildcard services/lull.c services/beat/*.c services/schedule/*.c)) $(OBJ)/version.o $(OBJ_EMBEDDED)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(ROOT)/logikald-beat: $(OBJ)/services/main.o $(OBJ)/services/roles_light.o $(OBJ)/beat.a
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_BEAT)

$(ROOT)/logikal-sim: $(call objs,$(SRC_SIM) $(SRC_SIM_CONF) tests/sim/main.c)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_SIM)

$(OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Runs on after the C library has been unmapped from its process.
$(OBJ)/supervisor/child/guardian_alone.o: CFLAGS += -ffreestanding -fno-builtin -fno-stack-protector -fno-sanitize=all \
    -U_FORTIFY_SOURCE $(if $(filter coverage,$(VARIANT)),-fno-profile-arcs)

# Children that end by _exit leave their counts before.
ifeq ($(VARIANT),coverage)
$(addprefix $(OBJ)/services/,runner/runner.o runner/running.o web/jobs/child.o report/report_parts.o): CFLAGS += -include tests/mutants/counts.h
endif

# Made anew only when its text changes.
VERSION_C := \#include "conf/version.h"\nconst char version_text[] = "$(BUILD)";\n
$(OBJ)/version.c: FORCE
	@mkdir -p $(@D)
	@printf '$(VERSION_C)' | cmp -s - $@ || printf '$(VERSION_C)' >$@
$(OBJ)/version.o: $(OBJ)/version.c
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
FORCE:

.SECONDARY:
.SECONDEXPANSION:
$(OBJ)/embedded_%.c: scripts/embed $$(shell find $$(DIR_$$*) -type f 2>/dev/null) $$(wildcard $$(DIR_$$*))
	@mkdir -p $(@D)
	$(Q)scripts/embed embedded_$* $(DIR_$*) > $@

# Static files, put together by scripts/assets.
$(OBJ)/assets.made: scripts/assets scripts/translate $(shell find services/web/ui/assets services/web/ui/language -type f)
	@mkdir -p $(@D)
	$(Q)scripts/assets $(OBJ)/assets && touch $@
$(OBJ)/embedded_assets.c: $(OBJ)/assets.made

$(OBJ)/embedded_%.o: $(OBJ)/embedded_%.c
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 -fPIC -c -o $@ $<

# Tests: each file is one program. It links everything but the mains: the roles' rooms, or, for test_supervisor_*, the
# supervisor's (they are different programs, and a name may stand in both).
tests: $(TESTS_UNIT) $(TESTS_INTEGRATION) $(ROOT)/chaos $(ROOT)/shim.so
unit-tests: $(TESTS_UNIT)

OBJ_SUPPORT := $(call objs,$(SRC_SUPPORT))
OBJ_TEST    := $(sort $(OBJ_ROLES) $(filter-out $(OBJ)/tests/support/process/supervised.o,$(OBJ_SUPPORT)))
# Of the support they take what they need: the rest needs rooms of the roles.
OBJ_TEST_SUPERVISOR := $(sort $(OBJ_LIGHT)) $(ROOT)/support.a
$(ROOT)/support.a: $(OBJ_SUPPORT)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

define link-test
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $(MOLD) -o $@ $^ $(LIBS) -lcmocka
endef
define test-wing
$(ROOT)/tests/test_supervisor_%: $(OBJ)/$(1)/test_supervisor_%.o $(OBJ_TEST_SUPERVISOR)
	$$(link-test)
$(ROOT)/tests/%: $(OBJ)/$(1)/%.o $(OBJ_TEST)
	$$(link-test)
endef
$(foreach wing,$(TEST_WINGS),$(eval $(call test-wing,$(wing))))

# Faults on the whole system: all of them with make faults.
$(ROOT)/tests/test_faults: $(OBJ)/tests/integration/system/test_faults.o $(call objs,$(wildcard tests/faults/*.c)) $(OBJ_TEST)
	$(link-test)

# Programs named test_fault_* have their own calls of these counted, and made to fail (tests/fault).
FAULT_CALLS := malloc calloc realloc strdup strndup asprintf vasprintf __asprintf_chk __vasprintf_chk open fopen \
               memfd_create socket write read fstat rename mkdir chmod pipe2 socketpair fork
$(ROOT)/tests/test_fault_%: LDFLAGS += $(FAULT_CALLS:%=-Wl,--wrap=%)
$(ROOT)/tests/test_fault_supervisor_%: $(OBJ)/tests/unit/test_fault_supervisor_%.o $(OBJ)/tests/fault/fault.o $(OBJ_TEST_SUPERVISOR)
	$(link-test)
$(ROOT)/tests/test_fault_%: $(OBJ)/tests/unit/test_fault_%.o $(OBJ)/tests/fault/fault.o $(OBJ_TEST)
	$(link-test)

# Preloaded into processes under test (tests/shim); no sanitizer of its own, since it comes before theirs.
$(ROOT)/shim.so: tests/shim/shim.c tests/shim/shim.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=c11 $(WARN) -O2 -g -fPIC -shared -o $@ $<

# Fuzz targets (VARIANT=fuzz only) link what they need from one archive; their own functions come before those of the
# same name in it.
FUZZ := $(patsubst tests/fuzz/%.c,$(ROOT)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
$(ROOT)/product.a: $(sort $(OBJ_ROLES) $(OBJ_LIGHT))
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(ROOT)/fuzz/%: $(OBJ)/tests/fuzz/%.o $(ROOT)/product.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

fuzz-programs: $(FUZZ)

fuzz:                           ## fuzz every parser for a while; FUZZ_SECONDS=600, FUZZ_NAMES="conf jwt"
	$(Q)scripts/setup test
	$(Q)$(MAKE) -j$$(nproc) VARIANT=fuzz fuzz-programs
	$(Q)tests/fuzz/run long $${FUZZ_SECONDS:-600} $(FUZZ_NAMES)

fuzz-short:                     ## a short run of the fuzz targets, the same every time
	$(Q)scripts/setup test
	$(Q)$(MAKE) -j$$(nproc) VARIANT=fuzz fuzz-programs
	$(Q)tests/fuzz/run short $(FUZZ_NAMES)

.PHONY: mutants mutants-map
mutants:                        ## change lines of the product by chance and see whether the tests notice; SEED=n COUNT=20 MUTANT_SECONDS=90 AREA=sync,store
	$(Q)scripts/setup test
	$(Q)scripts/mutants "$(SEED)" $(or $(COUNT),20) $(AREA)

mutants-map:                    ## which test program runs which line, for make mutants
	$(Q)scripts/setup test
	$(Q)$(MAKE) -j$$(nproc) VARIANT=coverage programs tests
	$(Q)tests/mutants/who_runs.py $(T)

coverage:                       ## run the tests on a build that counts lines, and list what never ran; T=name for some
	$(Q)scripts/setup test
	$(Q)$(MAKE) -j$$(nproc) VARIANT=coverage programs tests
	$(Q)tests/coverage $(T)

# The whole system under faults: make chaos CHAOS="--seconds 600 --seed 1".
OBJ_LOAD := $(call objs,$(wildcard tests/load/*.c))
$(ROOT)/chaos: $(call objs,$(wildcard tests/chaos/*.c)) $(OBJ_LOAD) $(OBJ_TEST)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

chaos:                          ## ten minutes of random faults under load, then the invariants; CHAOS="--seed N"
	$(Q)$(MAKE) -j$$(nproc) programs $(ROOT)/chaos $(ROOT)/shim.so
	$(Q)LOGIKALD_BUILD_DIR=$(CURDIR)/$(ROOT) $(ROOT)/chaos --seconds 600 $(CHAOS)

.PHONY: faults
faults:                         ## stages every fault on the whole system, and writes what is told and when into docs/operating.md
	$(Q)$(MAKE) -j$$(nproc) programs $(ROOT)/tests/test_faults
	$(Q)FAULTS=all FAULTS_REPORT=docs/operating.md LOGIKALD_BUILD_DIR=$(CURDIR)/$(ROOT) $(ROOT)/tests/test_faults

.PHONY: infra-test
infra-test:                     ## poolers, rights, names, certificates: what docs/requirements.md promises, on real servers
	$(Q)scripts/setup test
	$(Q)$(MAKE) -j$$(nproc) VARIANT=asan programs tests
	$(Q)tests/infra/run $(T)

.PHONY: install deb deb-test
install: programs               ## put the programs below PREFIX=/usr/local (and DESTDIR)
	$(Q)DESTDIR=$(DESTDIR) PREFIX=$(or $(PREFIX),/usr/local) scripts/install $(ROOT)

deb:                            ## dist/logikald_VERSION_ARCH.deb, for the Debian that this runs on
	$(Q)scripts/deb

.PHONY: cross-test image compose-test
cross-test:                     ## arm64: cross-compiled in a Debian of its own, unit tests under qemu, its package (root, by hand); SUITE=trixie
	$(Q)tests/cross

image:                          ## the image by docker or podman, and its bill of materials in dist/; BASE=... SNAPSHOT=...
	$(Q)scripts/image

compose-test:                   ## compose.yaml as it stands, brought up whole by docker compose or podman-compose (by hand)
	$(Q)tests/image/compose

.PHONY: release
release:                        ## everything of a release into dist/, with SHA-256 sums; RELEASE=--twice compares with a second one
	$(Q)scripts/release $(RELEASE)

deb-test: programs              ## the package in a Debian of its own, booted with systemd: install, upgrade, purge (root, by hand)
	$(Q)tests/deb/run

.PHONY: upgrade-test
upgrade-test:                   ## from the last release to this tree and back, under load: no request fails, no task is lost (TAG=v0.1.0)
	$(Q)tests/upgrade/run $(TAG)

.PHONY: storm
storm: programs                 ## the supervisor in a storm of commands, faults and execs; STORM_SECONDS=1800, STORM="--seed N"
	$(Q)scripts/setup test
	$(Q)/usr/bin/python3 tests/storm/storm.py --seconds $(or $(STORM_SECONDS),1800) --build $(ROOT) $(STORM)

$(ROOT)/soak-run: $(call objs,$(wildcard tests/soak/*.c)) $(OBJ_LOAD) $(OBJ_TEST)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

soak:                           ## an hour of steady load; memory, descriptors, latency must be flat; SOAK_MINUTES=60, REAL=1: parts lists of real size
	$(Q)scripts/setup test
	$(Q)$(MAKE) -j$$(nproc) programs $(ROOT)/soak-run
	$(Q)LOGIKALD_BUILD_DIR=$(CURDIR)/$(ROOT) $(ROOT)/soak-run --minutes $(or $(SOAK_MINUTES),60) --report build/soak --parts $(if $(REAL),real,tiny)

$(ROOT)/bench-memory: $(OBJ)/tests/bench/memory.o $(OBJ_TEST)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

bench:                          ## every bench, as one report in build/bench/; BENCH="queue http" for some
	$(Q)scripts/setup bench
	$(Q)$(MAKE) -j$$(nproc) programs $(ROOT)/bench-memory $(ROOT)/bench-sync $(ROOT)/bench-feed $(ROOT)/bench-floor $(ROOT)/bench-client
	$(Q)scripts/bench $(BENCH)

.PHONY: bench-supervisor
bench-supervisor: programs      ## the supervisor's memory and restart time beside supervisord, s6 and runit
	$(Q)tests/bench/supervisor

bench-http: programs            ## cached lists and /health beside FastAPI + uvicorn
	$(Q)LOGIKALD_BUILD_DIR=$(CURDIR)/$(ROOT) tests/bench/http/run

$(ROOT)/bench-floor: $(OBJ)/tests/bench/http/floor.o
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -levent

.PHONY: bench-floors
bench-floors: programs $(ROOT)/bench-floor ## web beside a bare evhttp server, nginx, h2o, and FastAPI with a cache, the same bytes
	$(Q)LOGIKALD_BUILD_DIR=$(CURDIR)/$(ROOT) tests/bench/http/floors

$(ROOT)/bench-client: $(OBJ)/tests/bench/queue/client.o
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lhiredis

bench-queue: programs $(ROOT)/bench-client ## tasks a second and latency beside Celery's and three Redis round trips, on the same Redis; ONLY=plain|durations
	$(Q)LOGIKALD_BUILD_DIR=$(CURDIR)/$(ROOT) /usr/bin/python3 tests/bench/queue/bench.py

bench-memory: programs $(ROOT)/bench-memory ## memory beside the Python stack's, idle and in a large sync
	$(Q)LOGIKALD_BUILD_DIR=$(CURDIR)/$(ROOT) $(ROOT)/bench-memory $(ELEVATIONS)

$(ROOT)/bench-sync: $(call objs,$(wildcard tests/bench/sync*.c)) $(OBJ_TEST)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

bench-sync: programs $(ROOT)/bench-sync ## field case beside its critical path, rows beside COPY, parts lists beside Python; SCALE=1, ONLY=field|stores|rows|parts
	$(Q)LOGIKALD_BUILD_DIR=$(CURDIR)/$(ROOT) $(ROOT)/bench-sync

.PHONY: bench-pace
bench-pace: programs $(ROOT)/bench-sync ## the sync of real parts lists beside the same with small ones, in turns, with processor seconds; ELEVATIONS=1000 ROUNDS=3
	$(Q)ONLY=pace LOGIKALD_BUILD_DIR=$(CURDIR)/$(ROOT) $(ROOT)/bench-sync

bench-parts: programs $(ROOT)/bench-sync ## parts lists of real size: read, kept, the sync's pace; beside Python and psql \copy; ELEVATIONS=1000
	$(Q)ONLY=real LOGIKALD_BUILD_DIR=$(CURDIR)/$(ROOT) $(ROOT)/bench-sync

$(ROOT)/bench-feed: $(OBJ)/tests/bench/feed.o $(OBJ_TEST)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

.PHONY: bench-feed
bench-feed: programs $(ROOT)/bench-feed ## from a commit to its webhook, changes read a second
	$(Q)LOGIKALD_BUILD_DIR=$(CURDIR)/$(ROOT) $(ROOT)/bench-feed

.PHONY: bench-journal
bench-journal: programs $(ROOT)/bench-sync ## what the journal of changes costs the sync: rows a second with it and without
	$(Q)LOGIKALD_BUILD_DIR=$(CURDIR)/$(ROOT) ONLY=journal $(ROOT)/bench-sync

.PHONY: fuzz-api
fuzz-api:                       ## requests by chance for every operation of /openapi.json; SEED=1 SECONDS=60
	$(Q)scripts/setup test
	$(Q)$(MAKE) VARIANT=asan -j$$(nproc) programs build/asan/tests/test_web_contract
	$(Q)FUZZ_SEED=$(or $(SEED),1) FUZZ_SECONDS=$(or $(SECONDS),60) TEST_FILTER='test_no_request*' TEST_LINES=200 \
		TEST_TIMEOUT=$$(($(or $(SECONDS),60) + 300)) VARIANT=asan TEST_NO_SCRIPTS=1 tests/run test_web_contract
	$(Q)tail -n 1 build/asan/test-output/test_web_contract.log

setup:                          ## install the Debian packages that are missing
	$(Q)scripts/setup

run:                            ## install, build and run the whole system; nothing to configure
	$(Q)scripts/setup run
	$(Q)[ -x $(ROOT)/logikald-roles ] || echo "Building (half a minute of two processors) ..."
	$(Q)$(MAKE) -j$$(nproc) programs
	$(Q)scripts/run

test:                           ## install, build with sanitizers and run every test; T=name for one
	$(Q)scripts/setup test
	$(Q)[ -d build/asan/tests ] || echo "Building the programs, with and without sanitizers, and the tests (some minutes) ..."
	$(Q)$(MAKE) -j$$(nproc) programs
	$(Q)$(MAKE) -j$$(nproc) VARIANT=asan programs tests
	$(Q)$(if $(T),,$(MAKE) -j$$(nproc) VARIANT=fuzz fuzz-programs)
	$(Q)VARIANT=asan tests/run $(T)

$(ROOT)/proof-real: $(call objs,$(wildcard tests/proof/*.c) tests/bench/sync_cpu.c) $(OBJ_LOAD) $(OBJ_TEST)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

proof: programs $(ROOT)/$(if $(REAL),proof-real,tests/test_option_one_fits) ## 512 MB is enough: ELEVATIONS=100000 in a control group; REAL=1: 20000 with parts lists of real size (INTO=docs/benchmarks.md)
	$(Q)LOGIKALD_BUILD_DIR=$(CURDIR)/$(ROOT) $(if $(REAL),$(ROOT)/proof-real --elevations $(or $(ELEVATIONS),20000) $(INTO:%=--into %),\
		PROOF_ELEVATIONS=$(or $(ELEVATIONS),100000) $(ROOT)/tests/test_option_one_fits)

container-test:                 ## build the image with docker or podman and run it under a platform's limits
	$(Q)scripts/setup run
	$(Q)scripts/container-test

format:                         ## rewrite the sources in the house format
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

format-check:
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror

check-arrows:                   ## layers point one way: conf <- ipc <- services <- supervisor
	$(Q)tests/check-arrows

lint: format-check check-arrows ## format, layers, clang's warnings, clang-tidy and cppcheck
	$(Q)scripts/lint

analyze:                        ## clang's static analyzer over everything (some minutes)
	$(Q)scripts/lint deep

screenshots: programs           ## make docs/images/*.png from a demonstration system
	$(Q)scripts/setup test
	$(Q)scripts/screenshots

clean:                          ## remove what was built
	$(Q)rm -rf build

clean-data:                     ## remove the data of `make run`
	$(Q)scripts/run --clean

help:                           ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

# Of a source that has been moved, nothing is left to depend on.
DEPS := $(shell find $(OBJ) -name '*.d' 2>/dev/null)
-include $(foreach d,$(DEPS),$(if $(wildcard $(patsubst $(OBJ)/%.d,%.c,$(d)) $(d:.d=.c)),$(d)))
