// A view is a window on floats owned by somebody else: rows x cols, row-major, rows `stride` apart.
// A vector [D] is a view [1, D].
#ifndef U2MOE_TENSOR_VIEW_H_
#define U2MOE_TENSOR_VIEW_H_

#include <cstdint>
#include <type_traits>

#include "base/check.h"

namespace u2moe {

template <class T>
class BasicView {
 public:
  BasicView() = default;
  BasicView(T *data, int64_t rows, int64_t cols) : BasicView(data, rows, cols, cols) {}
  BasicView(T *data, int64_t rows, int64_t cols, int64_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {}
  // View converts to ConstView.
  template <class U, class = std::enable_if_t<std::is_same_v<const U, T> && !std::is_const_v<U>>>
  BasicView(const BasicView<U> &v)  // NOLINT(runtime/explicit)
      : data_(v.Data()), rows_(v.Rows()), cols_(v.Cols()), stride_(v.Stride()) {}

  T *Data() const { return data_; }
  int64_t Rows() const { return rows_; }
  int64_t Cols() const { return cols_; }
  int64_t Stride() const { return stride_; }
  int64_t Size() const { return rows_ * cols_; }
  bool Empty() const { return rows_ == 0 || cols_ == 0; }
  bool Contiguous() const { return stride_ == cols_ || rows_ <= 1; }

  T *Row(int64_t i) const { return data_ + i * stride_; }
  T &operator()(int64_t i, int64_t j) const { return data_[i * stride_ + j]; }

  // Rows [begin, begin + n), columns [begin, begin + n).
  BasicView RowRange(int64_t begin, int64_t n) const {
    DCHECK(begin >= 0 && n >= 0 && begin + n <= rows_);
    return BasicView(data_ + begin * stride_, n, cols_, stride_);
  }
  BasicView ColRange(int64_t begin, int64_t n) const {
    DCHECK(begin >= 0 && n >= 0 && begin + n <= cols_);
    return BasicView(data_ + begin, rows_, n, stride_);
  }
  // The same floats in another shape; needs a contiguous view of the same size.
  BasicView Reshape(int64_t rows, int64_t cols) const {
    CHECK(Contiguous() && rows * cols == Size())
        << rows_ << "x" << cols_ << " as " << rows << "x" << cols;
    return BasicView(data_, rows, cols);
  }

 private:
  T *data_ = nullptr;
  int64_t rows_ = 0, cols_ = 0, stride_ = 0;
};

using View = BasicView<float>;
using ConstView = BasicView<const float>;

// Throws (programming error) unless v is rows x cols, naming both shapes.
#define CHECK_SHAPE(v, r, c)                    \
  CHECK((v).Rows() == (r) && (v).Cols() == (c)) \
      << (v).Rows() << "x" << (v).Cols() << ", expected " << (r) << "x" << (c)

}  // namespace u2moe

#endif  // U2MOE_TENSOR_VIEW_H_
