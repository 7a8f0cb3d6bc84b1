#include "graph/fst-file.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/word-table.h"
#include "support/error-test.h"

namespace u2moe {
namespace {

using fst::StdArc;
using fst::StdVectorFst;

StdVectorFst RandomFst(Rng *rng, int states, bool symbols) {
  StdVectorFst f;
  for (int s = 0; s < states; ++s) f.AddState();
  if (states > 0) f.SetStart(static_cast<int>(rng->UniformInt(0, states - 1)));
  for (int s = 0; s < states; ++s) {
    if (rng->Uniform() < 0.3) f.SetFinal(s, static_cast<float>(rng->Normal()));
    for (int64_t a = rng->UniformInt(0, 5); a > 0; --a) {
      f.AddArc(s, StdArc(static_cast<int>(rng->UniformInt(0, 9)),
                         static_cast<int>(rng->UniformInt(0, 9)), static_cast<float>(rng->Normal()),
                         static_cast<int>(rng->UniformInt(0, states - 1))));
    }
  }
  if (symbols) {
    fst::SymbolTable words("words");
    words.AddSymbol("<eps>", 0);
    words.AddSymbol("zwölf", 7);
    f.SetInputSymbols(&words);
    f.SetOutputSymbols(&words);
  }
  return f;
}

TEST(FstFile, WhatIsWrittenIsRead) {
  Rng rng(1);
  for (int n = 0; n < 24; ++n) {
    const StdVectorFst f =
        RandomFst(&rng, n < 3 ? n : static_cast<int>(rng.UniformInt(1, 400)), n % 4 == 0);
    for (const FstFileType type : {FstFileType::kVector, FstFileType::kConst}) {
      const std::string path = File("x.fst");
      WriteFst(f, type, path);
      const StdVectorFst got = ReadFst(path);
      EXPECT_TRUE(fst::Equal(f, got, 0.f)) << n;
      EXPECT_EQ(got.Start(), f.Start());
      EXPECT_EQ(got.OutputSymbols() != nullptr, n % 4 == 0);
      if (n % 4 == 0) {
        EXPECT_EQ(got.OutputSymbols()->Find(7), "zwölf");
      }
      // Through a pipe, whose size nobody knows.
      EXPECT_TRUE(fst::Equal(f, ReadFst("cat " + path + " |"), 0.f)) << n;
    }
  }
}

// Every cut and every changed byte is an error or another sound machine, never a crash.
TEST(FstFile, DamageIsToldOrHarmless) {
  Rng rng(2);
  for (const FstFileType type : {FstFileType::kVector, FstFileType::kConst}) {
    const std::string path = File("x.fst");
    WriteFst(RandomFst(&rng, 5, true), type, path);
    const std::string bytes = ReadFile(path);
    for (size_t n = 0; n < bytes.size(); ++n) {
      WriteFile(path, bytes.substr(0, n));
      EXPECT_THROW(ReadFst(path), DataError) << n;
    }
    for (size_t n = 0; n < bytes.size(); ++n) {
      for (const char value : {'\x00', '\x7f', '\xff'}) {
        std::string bad = bytes;
        bad[n] = value;
        WriteFile(path, bad);
        try {
          ReadFst(path);
        } catch (const DataError &) {
        }
      }
    }
    WriteFile(path, bytes + "x");
    EXPECT_HAS(ErrorOf([&] { ReadFst(path); }), "something follows the FST");
  }
}

TEST(FstFile, ErrorsSayWhatIsWrong) {
  const std::string path = File("x.fst");
  WriteFile(path, "0 1 a a\n");
  EXPECT_HAS(ErrorOf([&] { ReadFst(path); }), "not a binary FST");
  fst::VectorFst<fst::LogArc> log;
  log.AddState();
  log.Write(path);
  EXPECT_HAS(ErrorOf([&] { ReadFst(path); }), "arcs of type 'log', not 'standard'");
  Rng rng(3);
  WriteFst(RandomFst(&rng, 3, false), FstFileType::kVector, path);
  std::string bytes = ReadFile(path);
  bytes[52] = '\x7f';  // a billion states
  bytes[53] = '\x7f';
  WriteFile(path, bytes);
  EXPECT_HAS(ErrorOf([&] { ReadFst(path); }), " states where ");
  EXPECT_THROW(ParseFstFileType("compact"), UsageError);
}

TEST(WordTable, ReadsWritesAndRefuses) {
  const std::string path = File("words.txt");
  WriteFile(path, "<eps> 0\nja 3\nnein 1\n#0 9\n");
  WordTable table = WordTable::Read(path);
  EXPECT_EQ(table.Find("ja"), 3);
  EXPECT_EQ(table.Find("doch"), -1);
  EXPECT_EQ(*table.Word(1), "nein");
  EXPECT_EQ(table.Word(2), nullptr);
  EXPECT_EQ(table.Add("doch"), 10);
  EXPECT_EQ(table.Add("ja"), 3);
  table.Write(path);
  EXPECT_EQ(ReadFile(path), "<eps> 0\nja 3\nnein 1\n#0 9\ndoch 10\n");
  const auto error = [&](const std::string &text) {
    WriteFile(path, text);
    return ErrorOf([&] { WordTable::Read(path); });
  };
  EXPECT_HAS(error("a 1\n"), "no line '<eps> 0'");
  EXPECT_HAS(error("<eps> 0\na 1\nb 1\n"), ":3: 'b' has the id '1', which belongs to 'a' already");
  EXPECT_HAS(error("<eps> 0\na -1\n"), ":2: 'a' has the id '-1', which is no number");
  EXPECT_HAS(error("a 0\n"), "0 is for <eps>");
  EXPECT_HAS(error("<eps> 0\na 1\na 2\n"), ":3:");
  EXPECT_TRUE(IsDisambigSymbol("#12") && IsDisambigSymbol("#nonterm_end"));
  EXPECT_FALSE(IsDisambigSymbol("#") || IsDisambigSymbol("#a") || IsDisambigSymbol("a#1"));
}

}  // namespace
}  // namespace u2moe
