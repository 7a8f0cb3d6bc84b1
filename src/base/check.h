// CHECK: conditions that only a programming error can break. Always compiled in; throws Error with
// the expression, file and line. File contents are never CHECKed: they get a DataError.
// DCHECK is for inner loops and vanishes under NDEBUG.
#ifndef U2MOE_BASE_CHECK_H_
#define U2MOE_BASE_CHECK_H_

#include "base/error.h"

namespace u2moe {

// What a CHECK throws.
class CheckFailure : public Error {
 public:
  using Error::Error;
};

namespace internal {

class CheckMessage {
 public:
  CheckMessage(const char *file, int line, const char *expr) {
    os_ << file << ':' << line << ": check failed: " << expr << ' ';
  }
  [[noreturn]] ~CheckMessage() noexcept(false) { throw CheckFailure(os_.str()); }
  std::ostream &stream() { return os_; }

 private:
  std::ostringstream os_;
};

}  // namespace internal
}  // namespace u2moe

#define CHECK(cond)   \
  if (cond) {         \
  } else /* NOLINT */ \
    ::u2moe::internal::CheckMessage(__FILE__, __LINE__, #cond).stream()

#define CHECK_OP_(a, op, b) CHECK((a)op(b)) << "(" << (a) << " vs " << (b) << ") "
#define CHECK_EQ(a, b) CHECK_OP_(a, ==, b)
#define CHECK_NE(a, b) CHECK_OP_(a, !=, b)
#define CHECK_LT(a, b) CHECK_OP_(a, <, b)
#define CHECK_LE(a, b) CHECK_OP_(a, <=, b)
#define CHECK_GT(a, b) CHECK_OP_(a, >, b)
#define CHECK_GE(a, b) CHECK_OP_(a, >=, b)

#ifdef NDEBUG
#define DCHECK(cond) \
  while (false) CHECK(cond)
#else
#define DCHECK(cond) CHECK(cond)
#endif

#endif  // U2MOE_BASE_CHECK_H_
