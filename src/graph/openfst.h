// OpenFst 1.7, in the one place that includes it. Its log.h defines CHECK, DCHECK, LOG and VLOG as
// ours (base/check.h, base/log.h) do, with other behaviour: its headers see theirs here, and
// whoever includes this file keeps ours.
//
// OpenFst ends the process on an error unless told otherwise. Here it marks its result with the
// property kError instead, so each result is asked (RequireSound) before it is used.
#ifndef U2MOE_GRAPH_OPENFST_H_
#define U2MOE_GRAPH_OPENFST_H_

#include "base/check.h"
#include "base/log.h"

#pragma push_macro("CHECK")
#pragma push_macro("CHECK_EQ")
#pragma push_macro("CHECK_NE")
#pragma push_macro("CHECK_LT")
#pragma push_macro("CHECK_LE")
#pragma push_macro("CHECK_GT")
#pragma push_macro("CHECK_GE")
#pragma push_macro("DCHECK")
#pragma push_macro("VLOG")
#undef CHECK
#undef CHECK_EQ
#undef CHECK_NE
#undef CHECK_LT
#undef CHECK_LE
#undef CHECK_GT
#undef CHECK_GE
#undef DCHECK
#undef VLOG

#include <fst/arcsort.h>
#include <fst/compose.h>
#include <fst/connect.h>
#include <fst/const-fst.h>
#include <fst/determinize.h>
#include <fst/equal.h>
#include <fst/equivalent.h>
#include <fst/invert.h>
#include <fst/minimize.h>
#include <fst/project.h>
#include <fst/prune.h>
#include <fst/rmepsilon.h>
#include <fst/shortest-distance.h>
#include <fst/shortest-path.h>
#include <fst/topsort.h>
#include <fst/vector-fst.h>

#undef CHECK
#undef CHECK_EQ
#undef CHECK_NE
#undef CHECK_LT
#undef CHECK_LE
#undef CHECK_GT
#undef CHECK_GE
#undef DCHECK
#undef DCHECK_EQ
#undef DCHECK_NE
#undef DCHECK_LT
#undef DCHECK_LE
#undef DCHECK_GT
#undef DCHECK_GE
#undef LOG
#undef VLOG
#pragma pop_macro("CHECK")
#pragma pop_macro("CHECK_EQ")
#pragma pop_macro("CHECK_NE")
#pragma pop_macro("CHECK_LT")
#pragma pop_macro("CHECK_LE")
#pragma pop_macro("CHECK_GT")
#pragma pop_macro("CHECK_GE")
#pragma pop_macro("DCHECK")
#pragma pop_macro("VLOG")

namespace u2moe {

namespace internal {

// Errors come back from OpenFst, in every program that includes this file, before its main().
inline const bool kOpenFstReturns = [] {
  FLAGS_fst_error_fatal = false;
  return true;
}();

}  // namespace internal

// Throws Error if OpenFst marked `machine` as the result of a failure; OpenFst has told the cause
// on stderr. `what` says what was made, e.g. "the composition of T and LG".
template <class Fst>
void RequireSound(const Fst &machine, const std::string &what) {
  if (machine.Properties(fst::kError, false) == 0) return;
  throw Error("OpenFst failed in ", what, "; see its message above");
}

}  // namespace u2moe

#endif  // U2MOE_GRAPH_OPENFST_H_
