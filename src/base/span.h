#ifndef U2MOE_BASE_SPAN_H_
#define U2MOE_BASE_SPAN_H_

#include <cstddef>
#include <initializer_list>

namespace u2moe {

// Elements that lie one after another in memory of somebody else, to be read: a parameter that
// takes a vector with any allocator, or a list in braces, which lives as long as the call.
template <class T>
class Span {
 public:
  Span() = default;
  Span(const T *data, size_t size) : data_(data), size_(size) {}
  Span(std::initializer_list<T> list)  // NOLINT(runtime/explicit)
      : Span(list.begin(), list.size()) {}
  template <class Container, class = decltype(static_cast<const T *>(
                                 static_cast<const Container *>(nullptr)->data()))>
  Span(const Container &c) : Span(c.data(), c.size()) {}  // NOLINT(runtime/explicit)

  const T *data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T *begin() const { return data_; }
  const T *end() const { return data_ + size_; }
  const T &operator[](size_t i) const { return data_[i]; }
  const T &back() const { return data_[size_ - 1]; }

 private:
  const T *data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace u2moe

#endif  // U2MOE_BASE_SPAN_H_
