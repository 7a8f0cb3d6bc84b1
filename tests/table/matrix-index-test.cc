#include "table/matrix-index.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>

#include "support/test-util.h"
#include "table/kaldi-tables.h"

namespace u2moe {
namespace {

// Every form that a matrix is written in, one after another; the places must lead to the values
// that the readers of tables give.
TEST(MatrixIndex, LeadsToTheValuesOfAllForms) {
  Rng rng(1);
  const std::string dir = TempDir(), path = dir + "/a.ark";
  std::ofstream ark(path, std::ios::binary), scp(dir + "/a.scp");
  const auto add = [&](const std::string &key, const std::function<void()> &write) {
    ark << key << ' ';
    scp << key << ' ' << path << ':' << ark.tellp() << '\n';
    write();
  };
  const Tensor x = RandomTensor(&rng, 11, 3);
  add("float", [&] { MatrixHolder::Write(ark, true, x); });
  add("text", [&] { MatrixHolder::Write(ark, false, x); });
  add("double", [&] {
    DoubleMatrix m;
    m.rows = 2;
    m.cols = 5;
    m.data.assign(10, 0.5);
    DoubleMatrixHolder::Write(ark, true, m);
  });
  for (const int32_t method : {2, 3, 5}) {
    add("compressed" + std::to_string(method),
        [&] { WriteCompressed(ark, Compress(x.View(), ToCompressionMethod(method))); });
  }
  add("empty", [&] { MatrixHolder::Write(ark, true, Tensor(0, 0)); });
  add("last", [&] { MatrixHolder::Write(ark, true, x); });
  scp << "rows " << path << ":6[2:5]\ncolumns " << path << ":6[:,1:2]\n";
  ark.close();
  scp.close();
  for (const std::string &table : {"ark:" + path, "scp:" + dir + "/a.scp"}) {
    SCOPED_TRACE(table);
    const std::optional<MatrixIndex> index = MatrixIndex::Read(table);
    ASSERT_TRUE(index.has_value());
    SequentialMatrixReader reader(table);
    for (const MatrixPlace &place : index->Places()) {
      SCOPED_TRACE(place.key);
      ASSERT_FALSE(reader.Done());
      EXPECT_EQ(place.key, reader.Key());
      EXPECT_EQ(index->Where(place), reader.Where());
      EXPECT_EQ(place.error, "");
      const Tensor &want = reader.Value(), got = index->Load(place);
      EXPECT_EQ(place.rows, want.Rows());
      EXPECT_EQ(place.cols, want.Cols());
      ASSERT_EQ(got.Shape(), want.Shape());
      EXPECT_EQ(MaxAbsDiff(got, want), 0);
      reader.Next();
    }
    EXPECT_TRUE(reader.Done());
    EXPECT_EQ(index->Files(), std::vector<std::string>{path});
  }
}

TEST(MatrixIndex, BadEntriesHaveTheErrorsOfTheReaders) {
  const std::string dir = TempDir(), path = dir + "/b.ark", script = dir + "/b.scp";
  {
    std::ofstream ark(path, std::ios::binary);
    ark << "a ";
    MatrixHolder::Write(ark, true, Tensor::Zeros(2, 2));
  }
  WriteFile(script, "a " + path + ":2\nnone " + dir + "/none\nshort " + path + ":3\na " + path +
                        ":2\nrange " + path + ":2[0:9]\n");
  const std::optional<MatrixIndex> index = MatrixIndex::Read("scp:" + script);
  ASSERT_TRUE(index.has_value());
  SequentialMatrixReader reader("scp:" + script);
  size_t num_bad = 0;
  for (const MatrixPlace &place : index->Places()) {
    std::string error;
    try {
      reader.Value();
    } catch (const DataError &e) {
      error = e.what();
      ++num_bad;
      EXPECT_THROW(index->Load(place), DataError);
    }
    EXPECT_EQ(place.error, error) << place.key;
    reader.Next();
  }
  EXPECT_EQ(num_bad, 4u);
  EXPECT_THROW(MatrixIndex::Read("scp:" + path), Error);  // an archive as a script
  EXPECT_THROW(MatrixIndex::Read("x:" + path), UsageError);
}

TEST(MatrixIndex, WhatCannotBeReadTwiceHasNone) {
  const std::string dir = TempDir(), path = dir + "/c.ark";
  {
    std::ofstream ark(path, std::ios::binary);
    ark << "a-00000001+ ";
    MatrixHolder::Write(ark, true, Tensor::Zeros(2, 2));
  }
  ASSERT_EQ(mkfifo((dir + "/fifo").c_str(), 0600), 0);
  WriteFile(dir + "/fifo.scp", "a " + dir + "/fifo\n");
  WriteFile(dir + "/pipe.scp", "a cat " + path + " |\n");
  WriteFile(dir + "/piece.scp", "a-00000001+ " + path + ":12\n");
  WriteFile(dir + "/cut.ark", ReadFile(path).substr(0, 30));
  for (const std::string table :
       {"ark:cat c.ark |", "ark:-", "scp:-", "ark:/none", "ark:DIR/fifo", "scp:DIR/fifo.scp",
        "scp:DIR/pipe.scp", "scp:DIR/piece.scp", "ark:DIR/c.ark", "ark:DIR/cut.ark"}) {
    std::string name = table;
    if (const size_t at = name.find("DIR"); at != name.npos) name.replace(at, 3, dir);
    EXPECT_FALSE(MatrixIndex::Read(name).has_value()) << name;
  }
}

TEST(MatrixIndex, ATableThatChanges) {
  const std::string dir = TempDir(), path = dir + "/d.ark";
  const auto write = [&](int64_t rows) {
    std::ofstream ark(path, std::ios::binary);
    ark << "a ";
    MatrixHolder::Write(ark, true, Tensor::Zeros(rows, 2));
  };
  write(3);
  const std::optional<MatrixIndex> index = MatrixIndex::Read("ark:" + path);
  write(4);
  try {
    index->Load(index->Places()[0]);
    FAIL();
  } catch (const DataError &e) {
    EXPECT_NE(std::string(e.what()).find("is 4 x 2 now and was 3 x 2"), std::string::npos)
        << e.what();
  }
  WriteFile(path, "");
  EXPECT_THROW(index->Load(index->Places()[0]), DataError);
}

}  // namespace
}  // namespace u2moe
