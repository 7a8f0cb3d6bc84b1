// The kernel of matrix units over a model of such a unit in plain C++, after the operations in the
// manual (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2): its products are
// those of the vector kernels to the bit. What runs on no processor here are the instructions
// alone.
#include "ops/packed/tile-unit.h"

#include <cstring>
#include <vector>

#include "ops/packed/packed-gemm.h"
#include "ops/packed/tile-unit-inl.h"
#include "support/op-test.h"

namespace u2moe {
namespace {

// What can be wrong with a unit.
enum class Fault { kNone, kCodesWithoutSign, kLastRowMissing };

template <Fault kFault>
struct ModelTiles {
  struct State {
    bool configured = false;
    TileConfig config;
    uint8_t tiles[8][16][64];
    int64_t begun = 0, dots = 0;
  };
  static State &Get() {
    static State state;
    return state;
  }

  static void Configure(const TileConfig &config) {
    ASSERT_EQ(reinterpret_cast<uintptr_t>(&config) % 64, 0u);
    ASSERT_FALSE(Get().configured);
    ASSERT_EQ(config.palette, 1);
    Get().config = config;
    Get().configured = true;
    ++Get().begun;
    std::memset(Get().tiles, 0, sizeof(Get().tiles));
  }
  static void Release() {
    ASSERT_TRUE(Get().configured);
    Get().configured = false;
  }
  static int Rows(int t) { return Get().config.rows[t]; }
  static int Bytes(int t) { return Get().config.row_bytes[t]; }

  template <int t>
  static void Zero() {
    ASSERT_TRUE(Get().configured);
    std::memset(Get().tiles[t], 0, sizeof(Get().tiles[t]));
  }
  template <int t>
  static void Load(const void *bytes, int64_t stride) {
    ASSERT_TRUE(Get().configured);
    Zero<t>();
    for (int r = 0; r < Rows(t); ++r) {
      std::memcpy(Get().tiles[t][r], static_cast<const uint8_t *>(bytes) + r * stride,
                  static_cast<size_t>(Bytes(t)));
    }
  }
  template <int t>
  static void Store(void *bytes, int64_t stride) {
    ASSERT_TRUE(Get().configured);
    for (int r = 0; r < Rows(t); ++r) {
      std::memcpy(static_cast<uint8_t *>(bytes) + r * stride, Get().tiles[t][r],
                  static_cast<size_t>(Bytes(t)));
    }
  }
  template <int sum, int a, int b>
  static void AddDots() {
    State &s = Get();
    ASSERT_TRUE(s.configured);
    ASSERT_EQ(Rows(sum), Rows(a));
    ASSERT_EQ(Bytes(sum), Bytes(b));
    ASSERT_EQ(Bytes(a) / 4, Rows(b));
    ++s.dots;
    const int rows = Rows(sum) - (kFault == Fault::kLastRowMissing ? 1 : 0);
    for (int m = 0; m < rows; ++m) {
      for (int n = 0; n < Bytes(sum) / 4; ++n) {
        int32_t total;
        std::memcpy(&total, s.tiles[sum][m] + 4 * n, 4);
        for (int k = 0; k < Bytes(a) / 4; ++k) {
          for (int i = 0; i < 4; ++i) {
            const uint8_t code = s.tiles[a][m][4 * k + i], weight = s.tiles[b][k][4 * n + i];
            total += (kFault == Fault::kCodesWithoutSign ? code : static_cast<int8_t>(code)) *
                     int32_t{weight};
          }
        }
        std::memcpy(s.tiles[sum][m] + 4 * n, &total, 4);
      }
    }
  }
};

using Model = ModelTiles<Fault::kNone>;

// One row more than tiles have, and less; rests of outputs, inputs and groups; more rows than are
// taken at a time.
TEST(TileUnit, EqualsVectorsToTheBit) {
  const Context ctx;
  const TileUnitOf<Model> unit;
  Rng rng(1);
  ForOpTargets(&rng, [&](int64_t) {
    for (const WeightFormat format : {WeightFormat::kInt8, WeightFormat::kInt4}) {
      for (const int64_t group_size : {0, 64, 128}) {
        for (const int64_t rows : {9, 16, 17, 31, 32, 33, 70, 450}) {
          const int64_t n = rng.UniformInt(1, 90),
                        k = rows == 450 ? 640 : rng.UniformInt(1, 5) * 64 - rng.UniformInt(0, 63);
          SCOPED_TRACE(Cat(ToString(format), " in groups of ", group_size, ", ", rows,
                           " rows, N=", n, " K=", k));
          const PackedMatrix w = PackedMatrix::Pack(RandomTensor(&rng, n, k), format, group_size);
          const Tensor x = RandomTensor(&rng, rows + 3, k), bias = RandomTensor(&rng, 1, n);
          const PackedRows packed(ctx, x, format);
          std::vector<int32_t> in, out;
          std::vector<float> factor;
          for (int64_t i = 0; i < rows; ++i) {
            in.push_back(static_cast<int32_t>(rng.UniformInt(0, rows + 2)));
            out.push_back(static_cast<int32_t>(rows - i));
            factor.push_back(static_cast<float>(rng.Normal()));
          }
          Epilogue e;
          e.bias = bias.Data();
          e.activation = rows % 2 == 0 ? Activation::kSwish : Activation::kRelu;
          e.scale = -0.3f;
          e.add = n % 2 == 0;
          const GemmRows all{rows, in.data(), out.data(), factor.data()};
          const Tensor before = RandomTensor(&rng, rows + 1, n);
          GuardedMatrix y(before, 3), expected(before, 3);
          const int64_t begun = Model::Get().begun, dots = Model::Get().dots;
          cpu::PackedGemmCodes(&unit, packed, all, w, e, y);
          EXPECT_EQ(Model::Get().begun, begun + 1);
          EXPECT_FALSE(Model::Get().configured);
          const int64_t tiles = (rows + 15) / 16 * ((n + 31) / 32) * 2, steps = (k + 63) / 64;
          EXPECT_EQ(Model::Get().dots - dots, tiles * steps);
          cpu::PackedGemmCodes(nullptr, packed, all, w, e, expected);
          EXPECT_TRUE(y.Intact());
          for (int64_t i = 0; i < before.Rows(); ++i) {
            ASSERT_EQ(std::memcmp(y.View().Row(i), expected.View().Row(i),
                                  static_cast<size_t>(n) * sizeof(float)),
                      0)
                << "row " << i;
          }
        }
      }
    }
  });
}

TEST(TileUnit, IsNotAskedForFewRowsOrOddGroups) {
  const Context ctx;
  const TileUnitOf<Model> unit;
  Rng rng(2);
  const int64_t begun = Model::Get().begun;
  for (const auto &[rows, group_size] : {std::pair<int64_t, int64_t>{8, 64}, {40, 8}, {40, 96}}) {
    const PackedMatrix w =
        PackedMatrix::Pack(RandomTensor(&rng, 20, 200), WeightFormat::kInt8, group_size);
    const Tensor x = RandomTensor(&rng, rows, 200);
    Tensor y(rows, 20);
    GemmRows all;
    all.count = rows;
    cpu::PackedGemmCodes(&unit, PackedRows(ctx, x, w.Format()), all, w, Epilogue(), y);
  }
  EXPECT_EQ(Model::Get().begun, begun);
}

TEST(TileUnit, IsUsedOnlyIfItWorks) {
  EXPECT_TRUE(TileUnitWorks(TileUnitOf<Model>()));
  EXPECT_FALSE(TileUnitWorks(TileUnitOf<ModelTiles<Fault::kCodesWithoutSign>>()));
  EXPECT_FALSE(TileUnitWorks(TileUnitOf<ModelTiles<Fault::kLastRowMissing>>()));
  EXPECT_EQ(HardwareTileUnit() != nullptr, HasAmx());
  if (HardwareTileUnit() != nullptr) {
    EXPECT_TRUE(TileUnitWorks(*HardwareTileUnit()));
  }
}

TEST(TileUnit, CanBeReplaced) {
  const Context ctx;
  const TileUnit *before = UsedTileUnit();
  const TileUnitOf<Model> unit;
  UseTileUnit(&unit);
  const int64_t begun = Model::Get().begun;
  Rng rng(3);
  const PackedMatrix w = PackedMatrix::Pack(RandomTensor(&rng, 20, 64), WeightFormat::kInt4, 64);
  Tensor y(9, 20);
  PackedGemm(ctx, RandomTensor(&rng, 9, 64), w, Epilogue(), y);
  EXPECT_EQ(Model::Get().begun, begun + 1);
  UseTileUnit(before);
  EXPECT_EQ(UsedTileUnit(), before);
}

}  // namespace
}  // namespace u2moe
