#include "transcript/cues.h"

#include <algorithm>
#include <limits>
#include <map>

#include "util/unicode.h"

namespace u2moe {
namespace {

constexpr int64_t kShownAtLeast = 1000;  // ms

// A word, or a part of one that is wider than a line.
struct Piece {
  std::string text;
  size_t width;
  double begin, end;
  bool new_word;
};

void AddWord(const TimedWord &word, size_t line_width, std::vector<Piece> *pieces) {
  const size_t width = DisplayWidth(word.text);
  if (width <= line_width) {
    pieces->push_back({word.text, width, word.begin, word.end, true});
    return;
  }
  const auto time = [&](size_t columns) {
    return word.begin +
           (word.end - word.begin) * static_cast<double>(columns) / static_cast<double>(width);
  };
  Piece piece = {"", 0, word.begin, word.end, true};
  size_t done = 0;
  for (const std::string &c : SplitUtf8(word.text)) {
    const size_t columns = DisplayWidth(c);  // marks have none and stay with their letter
    if (columns > 0 && piece.width > 0 && piece.width + columns > line_width) {
      piece.end = time(done);
      pieces->push_back(piece);
      piece = {"", 0, time(done), word.end, false};
    }
    piece.text += c;
    piece.width += columns;
    done += columns;
  }
  pieces->push_back(piece);
}

// The lines of pieces [first, last) if each takes what fits into `width` columns.
std::vector<std::string> Fill(const std::vector<Piece> &pieces, size_t first, size_t last,
                              size_t width) {
  std::vector<std::string> lines;
  size_t columns = 0;
  for (size_t i = first; i < last; ++i) {
    const size_t space = pieces[i].new_word ? 1 : 0;
    if (lines.empty() || columns + space + pieces[i].width > width) {
      lines.push_back(pieces[i].text);
      columns = pieces[i].width;
    } else {
      lines.back() += (space > 0 ? " " : "") + pieces[i].text;
      columns += space + pieces[i].width;
    }
  }
  return lines;
}

std::vector<std::string> BalancedLines(const std::vector<Piece> &pieces, size_t first, size_t last,
                                       size_t line_width) {
  const size_t count = Fill(pieces, first, last, line_width).size();
  size_t width = 1;
  for (size_t i = first; i < last; ++i) width = std::max(width, pieces[i].width);
  while (Fill(pieces, first, last, width).size() > count) ++width;
  return Fill(pieces, first, last, width);
}

bool EndsWithOneOf(const std::string &text, std::initializer_list<const char *> marks) {
  return std::any_of(marks.begin(), marks.end(), [&](const std::string &mark) {
    return text.size() >= mark.size() &&
           text.compare(text.size() - mark.size(), mark.size(), mark) == 0;
  });
}

// How bad it is to cut after piece i, 0 to 1.
double CutCost(const std::vector<Piece> &pieces, size_t i, double pause) {
  if (!pieces[i + 1].new_word) return 1;
  if (EndsWithOneOf(pieces[i].text, {".", "?", "!", "\u3002", "\uff1f", "\uff01", "\u2026"}))
    return 0;
  const double gap = std::max(0.0, pieces[i + 1].begin - pieces[i].end);
  const double cost = 0.9 * (1 - std::min(1.0, gap / pause));
  const bool comma = EndsWithOneOf(pieces[i].text, {",", ";", ":", "\uff0c", "\u3001", "\uff1b"});
  return comma ? std::min(cost, 0.3) : cost;
}

// Cuts pieces [first, last), between two pauses.
void CutRun(const std::vector<Piece> &pieces, size_t first, size_t last, const CueOptions &opts,
            int32_t channel, std::vector<Cue> *cues) {
  struct Best {
    int64_t count = std::numeric_limits<int64_t>::max();
    double cost = 0;
    size_t from = 0;
  };
  const size_t line_width = static_cast<size_t>(opts.line_width);
  const double capacity = static_cast<double>(line_width) * opts.lines;
  std::vector<Best> best(last - first + 1);  // best[n]: the first n pieces, a cue ends there
  best[0].count = 0;
  for (size_t n = 1; n < best.size(); ++n) {
    double columns = 0;
    for (size_t from = n; from-- > 0;) {
      const size_t begin = first + from, end = first + n;
      columns += static_cast<double>(pieces[begin].width) + (pieces[begin].new_word ? 1 : 0);
      const bool fits =
          columns <= capacity + static_cast<double>(line_width) &&  // no cue holds more
          Fill(pieces, begin, end, line_width).size() <= static_cast<size_t>(opts.lines) &&
          pieces[end - 1].end - pieces[begin].begin <= opts.cue_seconds;
      if (!fits && end - begin > 1) break;
      const double slack = 1 - std::min(1.0, columns / capacity);
      const double cut = end == last ? 0 : CutCost(pieces, end - 1, opts.pause);
      const int64_t count = best[from].count + 1;
      const double cost = best[from].cost + slack * slack + cut;
      if (count < best[n].count || (count == best[n].count && cost <= best[n].cost)) {
        best[n] = {count, cost, from};
      }
    }
  }
  std::vector<Cue> run;
  for (size_t n = last - first; n > 0; n = best[n].from) {
    const size_t begin = first + best[n].from, end = first + n;
    run.push_back({Milliseconds(pieces[begin].begin), Milliseconds(pieces[end - 1].end), channel,
                   BalancedLines(pieces, begin, end, line_width)});
  }
  cues->insert(cues->end(), run.rbegin(), run.rend());
}

}  // namespace

std::vector<Cue> MakeCues(const TimedSegment &segment, const CueOptions &opts) {
  std::vector<Piece> pieces;
  for (const TimedWord &word : segment.words) {
    AddWord(word, static_cast<size_t>(opts.line_width), &pieces);
  }
  std::vector<Cue> cues;
  for (size_t first = 0, last = 0; first < pieces.size(); first = last) {
    last = first + 1;
    while (last < pieces.size() && pieces[last].begin - pieces[last - 1].end < opts.pause) ++last;
    CutRun(pieces, first, last, opts, segment.channel, &cues);
  }
  return cues;
}

void ArrangeCues(std::vector<Cue> *cues) {
  std::stable_sort(cues->begin(), cues->end(),
                   [](const Cue &a, const Cue &b) { return a.begin < b.begin; });
  std::map<int32_t, int64_t> next;  // where the channel's next cue begins
  for (auto cue = cues->rbegin(); cue != cues->rend(); ++cue) {
    const auto found = next.find(cue->channel);
    const int64_t limit = found == next.end() ? std::numeric_limits<int64_t>::max() : found->second;
    cue->end = std::min(std::max(cue->end, cue->begin + kShownAtLeast), limit);
    cue->end = std::max(cue->end, cue->begin + 1);
    next[cue->channel] = cue->begin;
  }
}

}  // namespace u2moe
