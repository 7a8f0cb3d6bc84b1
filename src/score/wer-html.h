#ifndef U2MOE_SCORE_WER_HTML_H_
#define U2MOE_SCORE_WER_HTML_H_

#include <ostream>
#include <string>
#include <string_view>

#include "score/wer-report.h"

namespace u2moe {

// Text for a page: & < > and quotes as entities; what is not UTF-8 or cannot be seen as Printable
// (util/text.h) writes it.
std::string HtmlText(std::string_view s);

// One page that needs nothing beside it: the lines of WriteWerText, then every utterance with its
// alignment in colour, those with the most errors first. A word of the reference that was not
// recognised is struck out, one of the hypothesis that is not in the reference is underlined, so
// that colour says nothing that lines do not. Fit for phones, paper and dark screens. The first
// result needs its alignment.
void WriteWerHtml(std::ostream &os, const WerReport &report);

}  // namespace u2moe

#endif  // U2MOE_SCORE_WER_HTML_H_
