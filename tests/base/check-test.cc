#include "base/check.h"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>

namespace u2moe {
namespace {

template <class Fn>
std::string MessageOf(Fn fn) {
  try {
    fn();
  } catch (const Error &e) {
    return e.what();
  }
  return "no error";
}

TEST(Check, MessageHasPlaceExpressionValuesAndText) {
  const int rows = 3;
  const std::string message = MessageOf([&] { CHECK_EQ(rows, 4) << "in layer " << 7; });
  EXPECT_NE(message.find("check-test.cc:"), std::string::npos) << message;
  EXPECT_NE(message.find("check failed: (rows)==(4)"), std::string::npos) << message;
  EXPECT_NE(message.find("(3 vs 4) in layer 7"), std::string::npos) << message;
}

TEST(Check, PassesSilentlyAndEvaluatesOnce) {
  int calls = 0;
  CHECK(++calls == 1) << "never printed";
  EXPECT_EQ(calls, 1);
  CHECK_NE(1, 2);
  CHECK_LT(1, 2);
  CHECK_LE(2, 2);
  CHECK_GT(2, 1);
  CHECK_GE(2, 2);
  EXPECT_EQ(MessageOf([] { CHECK_LE(3, 2); }).find("no error"), std::string::npos);
  EXPECT_EQ(MessageOf([] { CHECK_GT(2, 2); }).find("no error"), std::string::npos);
}

TEST(Check, BindsItsOwnElse) {
  // Without braces on purpose: the else must not end up inside the macro.
  bool other = false;
  for (bool condition : {true, false}) {
    if (condition)
      CHECK(condition);
    else
      other = true;
  }
  EXPECT_TRUE(other);
}

TEST(Check, DcheckVanishesUnderNdebug) {
  int calls = 0;
  auto run = [&] { DCHECK(++calls == 0) << "evaluated"; };
#ifdef NDEBUG
  EXPECT_EQ(MessageOf(run), "no error");
  EXPECT_EQ(calls, 0);
#else
  EXPECT_NE(MessageOf(run), "no error");
#endif
}

TEST(Error, JoinsItsArguments) {
  EXPECT_EQ(Cat("row ", 3, ", ", 1.5), "row 3, 1.5");
  EXPECT_STREQ(DataError("a.ark", ": ", 7).what(), "a.ark: 7");
}

TEST(Error, KindsAreApart) {
  EXPECT_THROW(throw UsageError("x"), Error);
  EXPECT_THROW(throw DataError("x"), Error);
  EXPECT_FALSE((std::is_base_of_v<UsageError, DataError>));
  EXPECT_FALSE((std::is_base_of_v<DataError, UsageError>));
}

}  // namespace
}  // namespace u2moe
