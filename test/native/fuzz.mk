# The fuzz targets with clang's libFuzzer, for runs that are as long as one likes (`npm test` needs g++ only: it mutates
# the same targets' seeds for a bounded number of inputs). On Debian: apt-get install clang-14 libfuzzer-14-dev. In the
# root of the repository:
#
#   make -f test/native/fuzz.mk -j2                           builds all targets into build/fuzz/
#   make -f test/native/fuzz.mk run-response SECONDS=600      fuzzes one; a failure is written to build/fuzz/response-*
#   make -f test/native/fuzz.mk keep-response                 adds what was found to test/native/corpus/response/, as few files
#                                                             as reach the same code (not for image: each version of its
#                                                             format begins anew, from the images that the target builds)
#   build/fuzz/response FILE                                  tries one input
#
# The hostile messages are among the seeds once the native tests have run (they write them to build/native-tests/seeds/).
TARGETS := response chunked heads path image client notes trace websocket
SECONDS := 60
CLANG := clang++-14
OUT := build/fuzz
FLAGS := -std=c++20 -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=address,undefined,fuzzer-no-link \
  -Wall -Wextra -Inative -Itest/native -MMD -MP

COMMON := $(wildcard native/engine/http/*.cc native/engine/image/*.cc native/engine/route/*.cc native/engine/trace/*.cc native/engine/websocket/*.cc) \
  $(addprefix test/native/,fuzz_libfuzzer.cc fuzz_seeds.cc fuzz_fault.cc image_builder.cc sample_image.cc head_fixture.cc \
  response_driver.cc naive_http.cc websocket_driver.cc)
COMMON_OBJECTS := $(COMMON:%.cc=$(OUT)/%.o)

.PHONY: all
.SECONDARY:
all: $(TARGETS:%=$(OUT)/%)

$(OUT)/%.o: %.cc
	@mkdir -p $(@D)
	$(CLANG) $(FLAGS) -c $< -o $@

$(TARGETS:%=$(OUT)/%): $(OUT)/%: $(OUT)/test/native/fuzz_%.o $(COMMON_OBJECTS)
	$(CLANG) -fsanitize=address,undefined,fuzzer $^ -o $@

run-%: $(OUT)/%
	@mkdir -p $(OUT)/work/$*
	MILLRACE_FUZZ_DUMP=$(OUT)/work/$* $<
	$< -max_total_time=$(SECONDS) -dict=$(OUT)/work/$*/dictionary -max_len=16384 -timeout=10 -print_final_stats=1 \
	  -artifact_prefix=$(OUT)/$*- $(OUT)/work/$*/found $(OUT)/work/$*/seeds test/native/corpus/$*

keep-%: $(OUT)/%
	$< -set_cover_merge=1 -use_counters=0 test/native/corpus/$* $(OUT)/work/$*/found

-include $(COMMON_OBJECTS:.o=.d) $(TARGETS:%=$(OUT)/test/native/fuzz_%.d)
