// What tests of messages and files share.
#ifndef U2MOE_TESTS_SUPPORT_ERROR_TEST_H_
#define U2MOE_TESTS_SUPPORT_ERROR_TEST_H_

#include <functional>
#include <string>

#include "base/error.h"
#include "support/test-util.h"

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

namespace u2moe {

// The message of the Error that fn throws.
inline std::string ErrorOf(const std::function<void()> &fn) {
  try {
    fn();
  } catch (const Error &e) {
    return e.what();
  }
  return "(no error)";
}

// A name in the directory of this test process.
inline std::string File(const std::string &name) { return TempDir() + "/" + name; }

}  // namespace u2moe

#endif  // U2MOE_TESTS_SUPPORT_ERROR_TEST_H_
