// What the unit tests share: random tensors, comparison, files, and where the reference data lies.
#ifndef U2MOE_TESTS_SUPPORT_TEST_UTIL_H_
#define U2MOE_TESTS_SUPPORT_TEST_UTIL_H_

#include <string>

#include "base/rng.h"
#include "tensor/tensor.h"

namespace u2moe {

// Normal random numbers times scale.
Tensor RandomTensor(Rng *rng, int64_t rows, int64_t cols, float scale = 1);

// The largest |a - b| over all elements, 0 for empty views. Infinite where exactly one side is NaN
// or both are, or where infinities differ; equal infinities differ by 0. Shapes must be equal
// (CHECK).
double MaxAbsDiff(ConstView a, ConstView b);
// Whether both have the same number of rows and columns and the same bits, NaNs and zeros included.
bool SameBits(ConstView a, ConstView b);
// And, of tensors, the same shape.
bool SameBits(const Tensor &a, const Tensor &b);

// The source tree that this test was built from.
std::string SourceDir();

// The directory of the golden vectors: tests/golden in the source tree if it is there, else
// ../shared/golden; "" if neither is. The source tree holds a selection of the vectors, so a test
// that needs one file or folder asks GoldenPath for it.
std::string GoldenDir();

// Where `relative` (e.g. "models/moe/weights.safetensors") is: in tests/golden, else in
// ../shared/golden; "" if in neither. A test skips with the reason then.
std::string GoldenPath(const std::string &relative);

// The prepared Free Spoken Digit Dataset, ../shared/data/fsdd; "" if absent.
std::string FsddDir();

// A real SentencePiece model and WeNet's units of it, ../shared/data/wenet-bpe; "" if absent.
std::string WenetBpeDir();

// A fresh directory of this test process, removed at its exit.
std::string TempDir();

// Whole files; throw Error where they cannot be read or written.
std::string ReadFile(const std::string &path);
void WriteFile(const std::string &path, const std::string &contents);

}  // namespace u2moe

#endif  // U2MOE_TESTS_SUPPORT_TEST_UTIL_H_
