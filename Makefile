# u2moe: one non-recursive Makefile. `make help` lists the targets.
#   make -j2            build/<flavour>/bin/*      make DEBUG=1     without optimisation, with checks
#   make V=1            show the commands          make SANITIZE=address,undefined

SHELL := /bin/bash
comma := ,
# CUDA=emulated: the code for GPUs on a GPU that is not there (tests/support/cuda/emulation.h).
FLAVOUR := $(if $(CUDA),$(if $(filter emulated,$(CUDA)),cuda-emulated,cuda),cpu)$(if $(DEBUG),-debug)$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))$(if $(WERROR),-werror)
BUILD ?= build/$(FLAVOUR)
PREFIX ?= /usr/local
PYTHON ?= python3

CXXFLAGS ?= $(if $(DEBUG),-O0 -g,-O3 -g1 -DNDEBUG)
# Tests are compiled more often than they run.
TEST_CXXFLAGS ?= $(if $(DEBUG),,-O1)
# So is what computes little: -O3 would take longer to compile it than it could ever save.
COLD := bin/% src/graph/% src/lab/% src/modelfile/%
COLD_CXXFLAGS ?= $(TEST_CXXFLAGS)
# Compilations go through ccache where it is installed; CCACHE= turns that off.
CCACHE ?= $(shell command -v ccache)
export CCACHE_NOHASHDIR := 1# clones and worktrees share it; debuggers may see another's directory
INCLUDES := -Isrc -Itests -I/usr/include/$(shell $(CXX) -print-multiarch 2>/dev/null)/openblas-pthread -I/usr/include/kissfft
# -MD, not -MMD: Highway includes our kernels from a system header, which would hide what they include.
CXXFLAGS_ALL := -std=c++17 $(INCLUDES) -Wall -Wextra -ffp-contract=off -MD -MP -pthread $(if $(WERROR),-Werror) \
  $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined) $(CXXFLAGS)
LDFLAGS_ALL := -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)
# Where OpenFst or SentencePiece is missing, what needs it is left out, and `make` says so. OPENFST= and SENTENCEPIECE=
# leave it out where it is there.
# In a directive: elsewhere clang knows no __has_include.
has_header = $(shell printf '\043if __has_include(<%s>)\n1\n\043endif\n' '$1' | $(CXX) -std=c++17 -x c++ -E -P - 2>/dev/null | grep -x 1)
OPENFST ?= $(call has_header,fst/fst.h)
SENTENCEPIECE ?= $(call has_header,sentencepiece_processor.h)
OPENFST := $(OPENFST)# asked once
SENTENCEPIECE := $(SENTENCEPIECE)
# METIS concerns one file, so its flag does.
METIS ?= $(call has_header,metis.h)
METIS := $(METIS)
NEEDS_METIS := src/lab/neuron-split.cc
CXXFLAGS_ALL += $(if $(OPENFST),-DU2MOE_OPENFST) $(if $(SENTENCEPIECE),-DU2MOE_SENTENCEPIECE)
# SentencePiece before OpenFst: both export FLAGS_help. SentencePiece constructs an object there as it is loaded, which overwrites
# what lies behind OpenFst's bool where that comes first; OpenFst never writes to it.
LIBS := -lboost_program_options -lopenblas -lsndfile -lsoxr -lkissfft-float -lhwy -licuuc \
  -Wl,--as-needed $(if $(SENTENCEPIECE),-lsentencepiece) $(if $(OPENFST),-lfst) $(if $(METIS),-lmetis)

# CUDA=1 needs the toolkit in CUDA_HOME (tools/dev/get-cuda.sh DIR fetches a part of it).
CUDA_HOME ?= /usr/local/cuda
CUDA_ARCHS ?= 75 80 86 89 90 100 120
NVCC := $(CUDA_HOME)/bin/nvcc
# 20011, 20014: code for the host called by code for the device, which nvcc else takes for a slip.
NVCCFLAGS := -std=c++17 -O3 -DHAVE_CUDA=1 -Isrc --Werror all-warnings -Xcudafe --diag_error=20011,--diag_error=20014 \
  -Xcompiler -Wall,-Wextra,-ffp-contract=off $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) \
  -gencode arch=compute_$(lastword $(CUDA_ARCHS)),code=compute_$(lastword $(CUDA_ARCHS))
CUDA_SRC := $(if $(CUDA),$(wildcard src/*/*.cu src/*/*/*.cu))
ifeq ($(CUDA),emulated)
CXXFLAGS_ALL += -DHAVE_CUDA=1 -DU2MOE_CUDA_EMULATED=1 -Itests/support/cuda/include
LIBS += -lboost_context
EMULATION_SRC := $(wildcard tests/support/cuda/*.cc)
else ifneq ($(CUDA),)
CXXFLAGS_ALL += -DHAVE_CUDA=1 -isystem $(CUDA_HOME)/include
# cuBLAS is loaded when it is needed (src/tensor/cuda-blas.cc).
LIBS += $(firstword $(wildcard $(CUDA_HOME)/lib*/libcudart_static.a)) -ldl -lrt
endif
NEEDS_CUDA := $(if $(CUDA),,$(wildcard src/*/cuda-*.cc src/*/*/cuda-*.cc tests/*/cuda-*.cc))
# Tests that ask the emulation itself.
NEEDS_CUDA += $(if $(filter emulated,$(CUDA)),,$(shell grep -lE 'emulated::|support/cuda/' tests/*/*-test.cc))

NEEDS_OPENFST := $(wildcard src/graph/*.cc src/lattice/*.cc src/decode/wfst-*.cc) \
  $(shell grep -lE '^\#include "(graph|lattice|decode/wfst-)' bin/*.cc tests/*/*.cc 2>/dev/null)
LEFT_OUT := $(if $(OPENFST),,$(NEEDS_OPENFST))
LIB_SRC := $(filter-out $(LEFT_OUT) $(NEEDS_CUDA),$(wildcard src/*/*.cc src/*/*/*.cc))
BIN_SRC := $(filter-out $(LEFT_OUT),$(wildcard bin/*.cc))
TEST_SRC := $(filter-out $(LEFT_OUT) $(NEEDS_CUDA),$(wildcard tests/*/*-test.cc))
SUPPORT_SRC := $(wildcard tests/support/*.cc) $(filter-out %-test.cc %-main.cc,$(wildcard tests/fuzz/*.cc))
FUZZ_SRC := tests/fuzz/fuzz-main.cc
BENCH_SRC := $(filter-out tests/bench/onednn-bench.cc,$(wildcard tests/bench/*.cc))

LIB_OBJ := $(LIB_SRC:%.cc=$(BUILD)/obj/%.o) $(CUDA_SRC:%.cu=$(BUILD)/obj/%.cu.o) $(EMULATION_SRC:%.cc=$(BUILD)/obj/%.o)
BIN_OBJ := $(BIN_SRC:%.cc=$(BUILD)/obj/%.o)
TEST_OBJ := $(TEST_SRC:%.cc=$(BUILD)/obj/%.o)
BENCH_OBJ := $(BENCH_SRC:%.cc=$(BUILD)/obj/%.o)
SUPPORT_OBJ := $(SUPPORT_SRC:%.cc=$(BUILD)/obj/%.o)
FUZZ_OBJ := $(FUZZ_SRC:%.cc=$(BUILD)/obj/%.o)
BINS := $(BIN_SRC:bin/%.cc=$(BUILD)/bin/%)
TESTS := $(TEST_SRC:%.cc=$(BUILD)/%)
BENCHES := $(BENCH_SRC:%.cc=$(BUILD)/%)
LIB := $(BUILD)/libu2moe.a
SUPPORT_LIB := $(BUILD)/libtest-support.a

Q := $(if $(V),,@)

.PHONY: FORCE all cuda-objects help deps test test-all test-build unit-build golden fuzz fuzz-build lint format demo bundle gpu-check-bundle bench bench-ops man install clean
.DELETE_ON_ERROR:

all: $(BINS) compile_commands.json  ## build all tools into build/<flavour>/bin
	$(if $(OPENFST),,@echo "without OpenFst (package libfst-dev): ctc-decode --method=wfst and these tools are left out:" \
	  $(patsubst bin/%.cc,%,$(filter bin/%,$(LEFT_OUT))))
	$(if $(SENTENCEPIECE),,@echo "without SentencePiece (package libsentencepiece-dev): word pieces are left out")
	$(if $(METIS),,@echo "without METIS (package libmetis-dev): moe-convert --split=co-activation is left out")

help:  ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## *(.*)/  \1\t\2/p' Makefile | expand -t 12
	@echo "Variables: DEBUG=1, SANITIZE=address,undefined, WERROR=1, V=1, PREFIX=$(PREFIX), BUILD=$(BUILD)"

deps:  ## install the Debian/Ubuntu packages of utils/deps.txt (root or sudo)
	$(Q)utils/install-deps.sh

# Asked once per build directory, before the first compilation.
$(BUILD)/.build-deps $(BUILD)/.test-deps: $(BUILD)/.%-deps: tools/dev/check-deps.sh
	$(Q)tools/dev/check-deps.sh $* $(CXX) $(CXXFLAGS_ALL)
	@mkdir -p $(@D) && touch $@
$(LIB_OBJ) $(BIN_OBJ) $(TEST_OBJ) $(SUPPORT_OBJ) $(BENCH_OBJ) $(FUZZ_OBJ): | $(BUILD)/.build-deps
$(TEST_OBJ): | $(BUILD)/.test-deps

# Objects are made anew when the compiler or its flags change.
$(BUILD)/.flags: FORCE
	@mkdir -p $(@D); new='$(CXX) $(subst ','\'',$(CXXFLAGS_ALL))'; \
	  [ "$$(cat $@ 2>/dev/null)" = "$$new" ] || printf '%s\n' "$$new" > $@
FORCE:

$(BUILD)/obj/%.o: %.cc $(BUILD)/.flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CXX  $<")
	$(Q)$(CCACHE) $(CXX) $(CXXFLAGS_ALL) $(if $(METIS),$(if $(filter $(NEEDS_METIS),$<),-DU2MOE_METIS)) $(if $(filter tests/%,$<),$(TEST_CXXFLAGS),$(if $(filter $(COLD),$<),$(COLD_CXXFLAGS))) -c $< -o $@

$(BUILD)/obj/%.cu.o: %.cu $(BUILD)/.flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CUDA $<")
ifeq ($(CUDA),emulated)
	$(Q)$(CCACHE) $(CXX) $(CXXFLAGS_ALL) $(TEST_CXXFLAGS) -x c++ -c $< -o $@
else
	$(Q)$(NVCC) $(NVCCFLAGS) -MD -MP -MF $(@:.o=.d) -c $< -o $@
endif
cuda-objects: $(CUDA_SRC:%.cu=$(BUILD)/obj/%.cu.o) $(patsubst %.cc,$(BUILD)/obj/%.o,$(wildcard src/*/cuda-*.cc))

$(LIB): $(LIB_OBJ)
$(SUPPORT_LIB): $(SUPPORT_OBJ)
$(LIB) $(SUPPORT_LIB):
	@rm -f $@
	$(if $(Q),@echo "  AR   $@")
	$(Q)ar rcs $@ $^

$(BINS): $(BUILD)/bin/%: $(BUILD)/obj/bin/%.o $(LIB)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD   $@")
	$(Q)$(CXX) $(LDFLAGS_ALL) $< $(LIB) $(LIBS) -o $@

$(TESTS): $(BUILD)/%: $(BUILD)/obj/%.o $(SUPPORT_LIB) $(LIB)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD   $@")
	$(Q)$(CXX) $(LDFLAGS_ALL) $< $(SUPPORT_LIB) $(LIB) -lgtest -lgtest_main $(LIBS) -o $@

$(BENCHES): $(BUILD)/%: $(BUILD)/obj/%.o $(LIB)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD   $@")
	$(Q)$(CXX) $(LDFLAGS_ALL) $< $(LIB) $(LIBS) -o $@

# oneDNN is no dependency: ONEDNN=<folder with its include/ and lib/> builds the comparison with it.
$(BUILD)/tests/bench/onednn-bench: tests/bench/onednn-bench.cc $(LIB)
	$(Q)$(CXX) $(CXXFLAGS_ALL) -I$(ONEDNN)/include $(LDFLAGS_ALL) $< $(LIB) -L$(ONEDNN)/lib -Wl,-rpath,$(ONEDNN)/lib \
	  -ldnnl $(LIBS) -o $@

# Only clang has -fsanitize=fuzzer; tools/dev/fuzz.sh sets the compiler and SANITIZE.
FUZZER := $(FUZZ_SRC:%.cc=$(BUILD)/%)
$(FUZZER): $(BUILD)/%: $(BUILD)/obj/%.o $(SUPPORT_LIB) $(LIB)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD   $@")
	$(Q)$(CXX) $(LDFLAGS_ALL:fuzzer-no-link%=fuzzer%) -fsanitize=fuzzer $< $(SUPPORT_LIB) $(LIB) -lgtest $(LIBS) -o $@
fuzz-build: $(FUZZER)

unit-build: $(TESTS)
# One bench has a test.
test-build: all unit-build $(BUILD)/tests/bench/scale-bench

test: test-build  ## build and run all tests (ONLY="ctc wer": those with such names)
	$(Q)tools/dev/run-tests.sh $(BUILD) $(ONLY)

test-all: test-build  ## the tests under each U2MOE_CPU that the machine has, with ../shared and without
	$(Q)tools/dev/test-all.sh $(BUILD)

golden: unit-build  ## run the tests against the golden vectors and print the worst deviations as a table
	$(Q)tools/dev/golden-table.sh $(BUILD)

fuzz:  ## libFuzzer on every parser of outside bytes, SECONDS=60 each (needs clang)
	$(Q)tools/dev/fuzz.sh $(or $(SECONDS),60)

lint:  ## check include order, file sizes, shell scripts, format, house rules
	$(Q)tests/lint/lint.sh

format:  ## clang-format all sources in place
	$(Q)clang-format -i $$(git ls-files 'src/*.h' 'src/*.cc' 'bin/*.cc' 'tests/*.h' 'tests/*.cc')

demo: ## install what is needed, build, and run egs/polyglot (13 minutes on 2 cores)
	$(Q)utils/install-deps.sh
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all
	$(Q)egs/polyglot/run.sh

bench: all $(BENCHES)  ## speed of the paper's three models in all formats of weights (40 minutes, 9 GB of disk)
	$(Q)tools/dev/bench_scale.py --build=$(BUILD) --json=$(BUILD)/bench.json

# scale-bench measures a given model file.
bench-ops: all $(BENCHES)  ## speed of single ops, searches and streams
	$(Q)for b in $(filter-out %/scale-bench,$(BENCHES)); do $$b || exit 1; done

man: all  ## man pages and shell completions of all tools, into build/<flavour>/share
	$(Q)rm -rf $(BUILD)/share && tools/dev/make-man.sh $(BUILD)/bin $(BUILD)/share

install: man  ## install tools, man pages and completions into PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(BINS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(BUILD)/share/man/man1/* $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(BUILD)/share/bash-completion/completions/* \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions

# DT_RPATH, which holds for the libraries' libraries, too.
BUNDLE := $(BUILD)/u2moe
BUNDLED := $(BINS:$(BUILD)/bin/%=$(BUNDLE)/bin/%)
$(BUNDLED): $(BUNDLE)/bin/%: $(BUILD)/obj/bin/%.o $(LIB)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD   $@")
	$(Q)$(CXX) $(LDFLAGS_ALL) $(BUNDLE_LDFLAGS) $< $(LIB) $(LIBS) -o $@
bundle: $(BUNDLED)  ## tools, their libraries, utils/ and egs/ in one folder that runs without packages or root
	$(Q)rm -rf $(BUNDLE)/lib $(BUNDLE)/utils $(BUNDLE)/egs && tools/dev/make-bundle.sh $(BUNDLE) $(BUNDLED)
	$(Q)tar -c --exclude=out README.md LICENSE utils egs | tar -x -C $(BUNDLE)
	$(Q)mkdir -p $(BUNDLE)/build/cpu && ln -sfn ../../bin $(BUNDLE)/build/cpu/bin  # where recipes look
	@du -sh $(BUNDLE) | cut -f 1 | sed 's,$$, in $(BUNDLE),'

# One program of the tests that run on a GPU, with what tools/dev/gpu-check needs beside it.
GPU_CHECK := $(BUILD)/gpu-check
GPU_TEST_OBJ := $(patsubst %.cc,$(BUILD)/obj/%.o,$(wildcard $(patsubst src/%-cuda.cu,tests/%-test.cc,$(filter %-cuda.cu,$(CUDA_SRC))) \
  tests/ops/packed-gemm-test.cc tests/ops/packed-gemm-int-test.cc tests/ops/cuda-grouped-gemm-test.cc tests/ops/cuda-memory-test.cc tests/tensor/gemm-test.cc \
  tests/moe/cuda-routes-test.cc tests/model/device-test.cc tests/pipeline/device-test.cc tests/train/device-training-test.cc))
BUNDLE_LDFLAGS := -Wl,--disable-new-dtags,-rpath,'$$ORIGIN/../lib'
$(GPU_CHECK)/bin/gpu-tests: $(GPU_TEST_OBJ) $(SUPPORT_LIB) $(LIB)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD   $@")
	$(Q)$(CXX) $(LDFLAGS_ALL) $(BUNDLE_LDFLAGS) $(GPU_TEST_OBJ) $(SUPPORT_LIB) $(LIB) -lgtest -lgtest_main $(LIBS) -o $@
$(GPU_CHECK)/bin/nnet-init: $(BUILD)/obj/bin/nnet-init.o $(LIB)
$(GPU_CHECK)/bin/scale-bench: $(BUILD)/obj/tests/bench/scale-bench.o $(LIB)
$(GPU_CHECK)/bin/nnet-init $(GPU_CHECK)/bin/scale-bench:
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD   $@")
	$(Q)$(CXX) $(LDFLAGS_ALL) $(BUNDLE_LDFLAGS) $< $(LIB) $(LIBS) -o $@
gpu-check-bundle: $(GPU_CHECK)/bin/gpu-tests $(GPU_CHECK)/bin/nnet-init $(GPU_CHECK)/bin/scale-bench  ## what tools/dev/gpu-check takes along (CUDA=1)
	$(Q)tools/dev/make-bundle.sh $(GPU_CHECK) $^ && tar -C $(GPU_CHECK) -czf $(GPU_CHECK).tar.gz bin lib
	@du -sh $(GPU_CHECK).tar.gz | cut -f 1 | sed 's,$$, in $(GPU_CHECK).tar.gz,'

compile_commands.json: Makefile $(LIB_SRC) $(BIN_SRC) $(TEST_SRC)
	$(Q)tools/dev/compile-commands.sh "$(CXX) $(CXXFLAGS_ALL)" $(LIB_SRC) $(BIN_SRC) $(TEST_SRC) > $@.tmp && mv $@.tmp $@

clean:  ## remove build/
	rm -rf build compile_commands.json

-include $(LIB_OBJ:.o=.d) $(SUPPORT_OBJ:.o=.d) $(FUZZ_OBJ:.o=.d) $(BIN_OBJ:.o=.d) $(TEST_OBJ:.o=.d) $(BENCH_OBJ:.o=.d)
