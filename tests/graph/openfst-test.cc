#include "graph/openfst.h"

#include <gtest/gtest.h>

#include "support/error-test.h"

namespace u2moe {
namespace {

using fst::StdArc;
using fst::StdVectorFst;

TEST(OpenFst, OurMacrosAreOurs) {
  EXPECT_THROW(CHECK(1 + 1 == 3) << "sums", CheckFailure);
  EXPECT_THROW(CHECK_EQ(1, 2), CheckFailure);
  VLOG(9) << "not printed";
  LOG_INFO << "printed by ours";
}

// Two unsorted machines cannot be composed: OpenFst's own default is to exit.
TEST(OpenFst, ErrorsComeBack) {
  StdVectorFst a;
  a.AddState();
  a.SetStart(0);
  a.SetFinal(0, 0);
  for (const int label : {3, 1, 2}) a.AddArc(0, StdArc(label, label, 0, 0));
  StdVectorFst c;
  fst::Compose(a, a, &c);
  EXPECT_HAS(ErrorOf([&] { RequireSound(c, "the composition"); }),
             "OpenFst failed in the composition");
  fst::ArcSort(&a, fst::ILabelCompare<StdArc>());
  fst::Compose(a, a, &c);
  RequireSound(c, "the composition");
  EXPECT_EQ(c.NumArcs(c.Start()), 3u);
}

}  // namespace
}  // namespace u2moe
