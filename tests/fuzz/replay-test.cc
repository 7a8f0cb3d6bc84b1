// The fuzz targets without a fuzzer: their seeds, every input under tests/fuzz/found, and 200
// mutations of each. Runs in every test run, with sanitizers in CI.
#include <dirent.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "fuzz/fuzz-seeds.h"
#include "fuzz/fuzz-targets.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

// Inputs that once broke a target.
std::vector<std::string> Found(const std::string &target) {
  std::vector<std::string> inputs, names;
  const std::string source = __FILE__;
  const std::string folder = source.substr(0, source.rfind('/')) + "/found/" + target;
  if (DIR *dir = opendir(folder.c_str())) {
    while (const dirent *entry = readdir(dir)) {
      if (entry->d_name[0] != '.') names.push_back(entry->d_name);
    }
    closedir(dir);
  }
  std::sort(names.begin(), names.end());
  for (const std::string &name : names) inputs.push_back(ReadFile(folder + "/" + name));
  return inputs;
}

// Changes that parsers dislike: bits, bytes, extreme numbers, lengths, order.
std::string Mutate(const std::string &seed, Rng *rng) {
  std::string s = seed;
  for (int64_t n = rng->UniformInt(1, 4); n > 0; --n) {
    const auto any = [&](size_t size) {
      return static_cast<size_t>(rng->UniformInt(0, static_cast<int64_t>(size)));
    };
    if (s.empty()) s = "x";
    const size_t at = any(s.size() - 1);
    switch (rng->UniformInt(0, 6)) {
      case 0:
        s[at] = static_cast<char>(s[at] ^ (1 << rng->UniformInt(0, 7)));
        break;
      case 1:
        s[at] = static_cast<char>(rng->UniformInt(0, 255));
        break;
      case 2:
        s.resize(at);
        break;
      case 3:
        s.erase(at, any(16));
        break;
      case 4:
        s.insert(at, s.substr(any(s.size() - 1), any(16)));
        break;
      case 5: {
        const char *const extreme[] = {
            "\xff\xff\xff\xff", "\xff\xff\xff\x7f", "\x80", "-1", "1e999", "nan"};
        const std::string value = extreme[rng->UniformInt(0, 5)];
        s.replace(at, std::min(value.size(), s.size() - at), value);
        break;
      }
      default:
        std::swap(s[at], s[any(s.size() - 1)]);
    }
  }
  return s;
}

class FuzzReplay : public testing::TestWithParam<FuzzTarget> {};

TEST_P(FuzzReplay, SeedsFindingsAndMutations) {
  const std::string target = GetParam().name;
  std::vector<std::string> inputs = FuzzSeeds(target);
  ASSERT_FALSE(inputs.empty());
  for (const std::string &seed : inputs) GetParam().run(seed);  // a seed is valid: no error at all
  for (std::string &found : Found(target)) inputs.push_back(std::move(found));
  Rng rng(1);
  for (const std::string &input : inputs) {
    RunFuzzTarget(target, input);
    for (int n = 0; n < 200; ++n) RunFuzzTarget(target, Mutate(input, &rng));
  }
}

INSTANTIATE_TEST_SUITE_P(All, FuzzReplay, testing::ValuesIn(FuzzTargets()),
                         [](const auto &info) { return std::string(info.param.name); });

}  // namespace
}  // namespace u2moe
