#include "modelfile/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/error.h"
#include "support/test-util.h"

namespace u2moe {
namespace {

std::string Raw(const std::string &header, const std::string &data) {
  const uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char *>(&length), sizeof(length));
  return bytes + header + data;
}

std::string Write(const std::string &contents) {
  static int count = 0;
  const std::string path = TempDir() + "/raw-" + std::to_string(count++) + ".safetensors";
  WriteFile(path, contents);
  return path;
}

// The message of the DataError that opening the file gives; "" if it opens.
std::string OpenError(const std::string &contents) {
  const std::string path = Write(contents);
  try {
    SafetensorsFile file(path);
  } catch (const DataError &e) {
    EXPECT_NE(std::string(e.what()).find(path), std::string::npos)
        << "the message must name the file: " << e.what();
    return e.what();
  }
  return "";
}

std::string SampleFile() {
  Rng rng(1);
  const Tensor a = RandomTensor(&rng, 3, 5), b = RandomTensor(&rng, 1, 16),
               c = RandomTensor(&rng, 8, 8);
  const std::string path = TempDir() + "/sample.safetensors";
  WriteSafetensors(path, {{"z", &a}, {"y", &b}, {"x", &c}},
                   {{"note", "grüße \"x\"\n"}, {"empty", ""}});
  return path;
}

TEST(Safetensors, RoundTrip) {
  Rng rng(1);
  const Tensor a = RandomTensor(&rng, 3, 5), b = RandomTensor(&rng, 1, 16),
               c = RandomTensor(&rng, 8, 8);
  SafetensorsFile file(SampleFile());
  ASSERT_EQ(file.Entries().size(), 3u);
  EXPECT_EQ(file.Metadata().at("note"), "grüße \"x\"\n");
  EXPECT_EQ(file.Metadata().at("empty"), "");
  EXPECT_EQ(file.Entries().at("z").shape, (std::vector<int64_t>{3, 5}));
  for (auto [name, tensor] :
       {std::make_pair("z", &a), std::make_pair("y", &b), std::make_pair("x", &c)}) {
    const Tensor read = file.Floats(name);
    ASSERT_EQ(read.Shape(), tensor->Shape());
    EXPECT_EQ(std::memcmp(read.Data(), tensor->Data(), static_cast<size_t>(read.Size()) * 4), 0)
        << name;
  }
  EXPECT_THROW(file.Floats("w"), DataError);
}

TEST(Safetensors, BytesAreTheSameAndAligned) {
  const std::string first = ReadFile(SampleFile());
  EXPECT_EQ(ReadFile(SampleFile()), first);
  uint64_t header;
  std::memcpy(&header, first.data(), 8);
  EXPECT_EQ((8 + header) % 64, 0u);
  SafetensorsFile file(SampleFile());
  for (const char *name : {"x", "y"}) {  // their sizes are multiples of 64 bytes
    EXPECT_EQ(reinterpret_cast<uintptr_t>(file.Floats(name).Data()) % 64, 0u) << name;
  }
}

TEST(Safetensors, WritingToATensorLeavesTheFileAlone) {
  const std::string path = SampleFile(), before = ReadFile(path);
  Tensor t;
  {
    SafetensorsFile file(path);
    t = file.Floats("x");
  }  // the tensor keeps the mapping alive
  const float old = t(0, 0);
  t(0, 0) = old + 1;
  EXPECT_EQ(t(0, 0), old + 1);
  EXPECT_EQ(ReadFile(path), before);
}

TEST(Safetensors, PagesLastAsLongAsTheirLastHolder) {
  Rng rng(1);
  const Tensor a = RandomTensor(&rng, 64, 1024), b = RandomTensor(&rng, 64, 1024);
  const std::string path = TempDir() + "/pages.safetensors";
  WriteSafetensors(path, {{"a", &a}, {"b", &b}}, {});
  SafetensorsFile file(path);
  Tensor kept = file.Floats("b"), first = file.Floats("a");
  std::shared_ptr<const uint8_t> bytes = file.Bytes("a");
  kept.SetZero();
  first.SetZero();
  {
    const Tensor second = file.Floats("a");
    EXPECT_EQ(second.Data(), first.Data());
    first = Tensor();
    EXPECT_EQ(second(32, 0), 0) << "a write is lost that a holder may rely on";
  }
  EXPECT_EQ(bytes.get()[32 * 1024 * 4], 0) << "the bytes were held too";
  bytes = nullptr;
  EXPECT_EQ(file.Floats("a")(32, 0), a(32, 0)) << "its pages were not given back";
  for (int64_t i = 0; i < kept.Size(); ++i)
    ASSERT_EQ(kept.Data()[i], 0) << i << ": the neighbour's pages went too";
  // A pipe's bytes cannot be read again.
  SafetensorsFile piped("cat '" + path + "' |");
  { const Tensor once = piped.Floats("a"); }
  EXPECT_EQ(MaxAbsDiff(piped.Floats("a"), a), 0);
}

TEST(Safetensors, ReadsPipes) {
  const std::string path = SampleFile();
  SafetensorsFile mapped(path), piped("cat '" + path + "' |");
  ASSERT_EQ(piped.Entries().size(), 3u);
  EXPECT_EQ(MaxAbsDiff(mapped.Floats("z"), piped.Floats("z")), 0);
}

TEST(Safetensors, HeadersOfAnyLengthAreRead) {
  const float values[] = {1.5f, -2.0f};
  const std::string data(reinterpret_cast<const char *>(values), sizeof(values));
  for (size_t pad = 0; pad < 8; ++pad) {
    const std::string header =
        R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})" + std::string(pad, ' ');
    SafetensorsFile file(Write(Raw(header, data)));
    const Tensor a = file.Floats("a");
    EXPECT_EQ(reinterpret_cast<uintptr_t>(a.Data()) % 4, 0u);
    EXPECT_EQ(a(0, 0), 1.5f);
    EXPECT_EQ(a(0, 1), -2.0f);
  }
}

TEST(Safetensors, OtherTypesAreListedButNoFloats) {
  const std::string header =
      R"({"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"e":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]},)"
      R"("s":{"dtype":"F32","shape":[],"data_offsets":[8,12]}})";
  SafetensorsFile file(Write(Raw(header, std::string(12, '\0'))));
  EXPECT_EQ(file.Entries().size(), 3u);
  EXPECT_THROW(file.Floats("n"), DataError);
  EXPECT_THROW(file.Floats("s"), DataError);  // a scalar
  EXPECT_EQ(file.Floats("e").Size(), 0);
}

TEST(Safetensors, RefusesMalformedHeaders) {
  const std::string a = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  const std::string data(8, '\0'), data16(16, '\0');
  ASSERT_EQ(OpenError(Raw("{" + a + "}", data)), "");
  const struct {
    const char *why;
    std::string contents;
  } kCases[] = {
      {"empty file", ""},
      {"few bytes", "abc"},
      {"text", "this is no model but some other file altogether"},
      {"zip, as .pt files are", std::string("PK\3\4") + std::string(200, 'x')},
      {"huge header length", std::string(8, '\xff') + "{}"},
      {"header longer than the file", Raw("{" + a + "}", data).substr(0, 40)},
      {"no JSON", Raw("{" + a, data)},
      {"no object", Raw("[1, 2]", "")},
      {"trailing text", Raw("{" + a + "} x", data)},
      {"not UTF-8", Raw("{\"\xff\":1}", "")},
      {"key twice", Raw("{" + a + "," + a + "}", data)},
      {"inner key twice",
       Raw(R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})", data)},
      {"overlap", Raw("{" + a + R"(,"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                      std::string(12, '\0'))},
      {"same range",
       Raw("{" + a + R"(,"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", data)},
      {"gap", Raw("{" + a + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})", data16)},
      {"bytes left over", Raw("{" + a + "}", data16)},
      {"data missing", Raw("{" + a + "}", "")},
      {"one byte missing", Raw("{" + a + "}", data.substr(1))},
      {"shape and range differ",
       Raw(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", data)},
      {"backward range", Raw(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", data)},
      {"negative", Raw(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", data)},
      {"negative offset", Raw(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}})", data)},
      {"fraction", Raw(R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", data)},
      {"product overflows to the right size",
       Raw(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", "")},
      {"product overflows",
       Raw(R"({"a":{"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,8]}})", data)},
      {"beyond 64 bits",
       Raw(R"({"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}})", data)},
      {"unknown type", Raw(R"({"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})", data)},
      {"type no string", Raw(R"({"a":{"dtype":4,"shape":[2],"data_offsets":[0,8]}})", data)},
      {"no shape", Raw(R"({"a":{"dtype":"F32","data_offsets":[0,8]}})", data)},
      {"shape no list", Raw(R"({"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}})", data)},
      {"three offsets", Raw(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]}})", data)},
      {"additional key",
       Raw(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})", data)},
      {"tensor no object", Raw(R"({"a":8})", data)},
      {"metadata no strings", Raw("{" + a + R"(,"__metadata__":{"n":1}})", data)},
      {"metadata no object", Raw("{" + a + R"(,"__metadata__":"n"})", data)},
      {"nested", Raw(R"({"a":[[[[[[[]]]]]]]})", "")},
  };
  for (const auto &c : kCases) EXPECT_NE(OpenError(c.contents), "") << c.why;
}

TEST(Safetensors, TruncatedAnywhereIsAnError) {
  const std::string whole = ReadFile(SampleFile());
  for (size_t length = 0; length < whole.size(); length += 7) {
    EXPECT_NE(OpenError(whole.substr(0, length)), "") << length;
  }
  EXPECT_NE(OpenError(whole.substr(0, whole.size() - 1)), "");
  EXPECT_NE(OpenError(whole + "x"), "");
}

TEST(Safetensors, DamagedHeadersNeverCrash) {
  const std::string whole = ReadFile(SampleFile());
  Rng rng(3);
  int refused = 0;
  for (int i = 0; i < 500; ++i) {
    std::string damaged = whole;
    damaged[static_cast<size_t>(rng.UniformInt(0, 250))] =
        static_cast<char>(rng.UniformInt(0, 255));
    refused += OpenError(damaged) != "";
  }
  EXPECT_GT(refused, 200);
}

TEST(Safetensors, MissingFile) {
  EXPECT_THROW(SafetensorsFile(TempDir() + "/none.safetensors"), Error);
  EXPECT_THROW(SafetensorsFile file(TempDir()), Error);  // a directory
}

}  // namespace
}  // namespace u2moe
