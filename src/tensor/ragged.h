#ifndef U2MOE_TENSOR_RAGGED_H_
#define U2MOE_TENSOR_RAGGED_H_

#include <cstdint>

#include "base/span.h"
#include "tensor/allocator.h"
#include "tensor/view.h"

namespace u2moe {

// Rows of B sequences one after another in one matrix [sum T, D]: sequence b owns rows
// [Begin(b), End(b)). There is no padding.
class RaggedShape {
 public:
  RaggedShape() : offsets_{0} {}
  static RaggedShape FromLengths(Span<int64_t> lengths) {
    RaggedShape s;
    for (int64_t n : lengths) s.Append(n);
    return s;
  }
  static RaggedShape Single(int64_t length) { return FromLengths({length}); }

  void Append(int64_t length) {
    CHECK_GE(length, 0);
    offsets_.push_back(offsets_.back() + length);
  }
  int NumSequences() const { return static_cast<int>(offsets_.size()) - 1; }
  int64_t TotalRows() const { return offsets_.back(); }
  int64_t Begin(int b) const { return offsets_[static_cast<size_t>(b)]; }
  int64_t End(int b) const { return offsets_[static_cast<size_t>(b) + 1]; }
  int64_t Length(int b) const { return End(b) - Begin(b); }
  int64_t MaxLength() const {
    int64_t n = 0;
    for (int b = 0; b < NumSequences(); ++b) n = Length(b) > n ? Length(b) : n;
    return n;
  }
  // The rows of sequence b in x [sum T, D].
  template <class T>
  BasicView<T> Rows(const BasicView<T> &x, int b) const {
    return x.RowRange(Begin(b), Length(b));
  }

 private:
  CachedVector<int64_t> offsets_;
};

}  // namespace u2moe

#endif  // U2MOE_TENSOR_RAGGED_H_
