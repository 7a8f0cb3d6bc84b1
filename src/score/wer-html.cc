#include "score/wer-html.h"

#include <algorithm>
#include <limits>
#include <sstream>
#include <vector>

#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr char kHead[] = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
)";

// Vermilion and blue, which also those tell apart who do not see red and green.
constexpr char kStyle[] = R"(<style>
:root { --page: #fff; --ink: #1a1a1a; --dim: #666; --line: #ddd; --lost: #b34400; --new: #00568f; }
@media (prefers-color-scheme: dark) {
  :root { --page: #16181b; --ink: #e4e4e4; --dim: #9a9a9a; --line: #3a3d42; --lost: #ff9e57; --new: #6cbcf5; }
}
body { background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
h1 { font-size: 1.4rem; }
pre { font-size: .9rem; overflow-x: auto; white-space: pre-wrap; }
article { border-top: 1px solid var(--line); padding: .5rem 0; break-inside: avoid; }
h2 { color: var(--dim); font-size: .85rem; font-weight: normal; margin: 0; overflow-wrap: anywhere; }
p { margin: .2rem 0; overflow-wrap: anywhere; unicode-bidi: plaintext; }
del { color: var(--lost); text-decoration: line-through; }
ins { color: var(--new); text-decoration: underline; text-underline-offset: .2em; }
.note { color: var(--dim); }
@media print {
  :root { --page: #fff; --ink: #000; --dim: #444; --line: #bbb; --lost: #b34400; --new: #00568f; }
  body { font-size: 10pt; max-width: none; print-color-adjust: exact; }
}
</style>
)";

// Neighbouring units of one kind share a tag, so that a long correct stretch is plain text.
class Marker {
 public:
  explicit Marker(bool spaces) : spaces_(spaces) {}

  void Add(const char *tag, const std::string &unit) {
    if (tag != tag_) Close();
    if (!text_.empty() && spaces_) text_ += ' ';
    if (tag != tag_ && tag[0] != '\0') text_ += Cat("<", tag, ">");
    tag_ = tag;
    text_ += unit == " " ? "\u00b7" : HtmlText(unit);
  }

  std::string Text() {
    Close();
    return text_;
  }

 private:
  void Close() {
    if (tag_[0] != '\0') text_ += Cat("</", tag_, ">");
    tag_ = "";
  }

  bool spaces_;
  const char *tag_ = "";
  std::string text_;
};

void WriteUtterance(std::ostream &os, const ScoredUtterance &u, bool words) {
  static const char *const kPlain = "", *const kLost = "del", *const kNew = "ins";
  const EditCounts &c = u.counts;
  os << "<article><h2>" << HtmlText(u.key) << ": " << c.Errors() << " of " << c.RefLength() << " ("
     << c.insertions << " ins, " << c.deletions << " del, " << c.substitutions << " sub)"
     << (u.missing ? ", no hypothesis" : "") << "</h2>\n<p dir=\"auto\">";
  Marker marker(words);
  size_t i = 0, j = 0;
  for (size_t k = 0; k < u.edits.size();) {
    if (u.edits[k] == Edit::kCorrect) {
      marker.Add(kPlain, u.ref.at(i));
      ++i, ++j, ++k;
      continue;
    }
    // Of neighbouring errors first what was lost, then what came instead.
    size_t end = k;
    std::vector<std::string> lost, added;
    for (; end < u.edits.size() && u.edits[end] != Edit::kCorrect; ++end) {
      if (u.edits[end] != Edit::kInsertion) lost.push_back(u.ref.at(i++));
      if (u.edits[end] != Edit::kDeletion) added.push_back(u.hyp.at(j++));
    }
    for (const std::string &unit : lost) marker.Add(kLost, unit);
    for (const std::string &unit : added) marker.Add(kNew, unit);
    k = end;
  }
  os << marker.Text() << "</p></article>\n";
}

}  // namespace

std::string HtmlText(std::string_view s) {
  const std::string seen = Printable(s, std::numeric_limits<size_t>::max());
  std::string text;
  text.reserve(seen.size());
  for (const char c : seen) {
    switch (c) {
      case '&':
        text += "&amp;";
        break;
      case '<':
        text += "&lt;";
        break;
      case '>':
        text += "&gt;";
        break;
      case '"':
        text += "&quot;";
        break;
      case '\'':
        text += "&#39;";
        break;
      default:
        text += c;
    }
  }
  return text;
}

void WriteWerHtml(std::ostream &os, const WerReport &report) {
  const std::vector<ScoredUtterance> &all = report.first->utterances;
  std::vector<const ScoredUtterance *> wrong;
  for (const ScoredUtterance &u : all) {
    if (u.counts.Errors() > 0) wrong.push_back(&u);
  }
  std::stable_sort(wrong.begin(), wrong.end(),
                   [](const ScoredUtterance *a, const ScoredUtterance *b) {
                     return a->counts.Errors() > b->counts.Errors();
                   });
  const std::string title = report.opts.RateName() + " of " + HtmlText(report.name);
  std::ostringstream summary;
  WriteWerText(summary, report);
  os << kHead << "<title>" << title << "</title>\n"
     << kStyle << "</head>\n<body>\n<h1>" << title << "</h1>\n<pre>";
  std::istringstream lines(summary.str());
  for (std::string line; std::getline(lines, line);) os << HtmlText(line) << '\n';
  os << "</pre>\n<p class=\"note\">" << HtmlText(report.opts.ToString())
     << ". <del>Struck out</del>: in the reference only; <ins>underlined</ins>: in the hypothesis "
        "only. The "
     << wrong.size() << " of " << all.size()
     << " utterances with errors, those with the most first.</p>\n";
  const bool words = report.opts.Unit() == ScoreUnit::kWord;
  for (const ScoredUtterance *u : wrong) WriteUtterance(os, *u, words);
  os << "</body>\n</html>\n";
}

}  // namespace u2moe
