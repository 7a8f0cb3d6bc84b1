#include "score/wer-details.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "util/text.h"
#include "util/unicode.h"

namespace u2moe {
namespace {

constexpr char kNone[] = "<eps>";

// Of each Edit, in Kaldi's words.
constexpr const char *kEditNames[] = {"correct", "substitution", "deletion", "insertion"};

size_t IndexOf(Edit edit) { return static_cast<size_t>(edit); }

// Columns of a unit, at least one for what was done to it.
size_t Width(const std::string &s) { return std::max<size_t>(DisplayWidth(s), 1); }

std::string Shown(const std::string &unit) { return unit == " " ? "<space>" : unit; }

// Calls visit(edit, unit of the reference or null, unit of the hypothesis or null).
void ForEachEdit(const ScoredUtterance &u,
                 const std::function<void(Edit, const std::string *, const std::string *)> &visit) {
  CHECK(u.edits.size() >= std::max(u.ref.size(), u.hyp.size())) << "the result has no alignment";
  size_t i = 0, j = 0;
  for (const Edit edit : u.edits) {
    const std::string *ref = edit == Edit::kInsertion ? nullptr : &u.ref.at(i++);
    const std::string *hyp = edit == Edit::kDeletion ? nullptr : &u.hyp.at(j++);
    visit(edit, ref, hyp);
  }
}

// In the middle of `width` columns; of an odd rest the left gets more.
void AppendCentred(const std::string &s, size_t width, std::string *line) {
  const size_t rest = width - std::min(width, DisplayWidth(s)), right = rest / 2;
  line->append(rest - right, ' ');
  *line += s;
  line->append(right, ' ');
}

void AppendRight(const std::string &s, size_t width, std::string *line) {
  line->append(width - std::min(width, DisplayWidth(s)), ' ');
  *line += s;
}

void AppendLeft(const std::string &s, size_t width, std::string *line) {
  *line += s;
  line->append(width - std::min(width, DisplayWidth(s)), ' ');
}

const std::string &SpeakerOf(const std::string &key,
                             const std::unordered_map<std::string, std::string> &utt2spk) {
  const auto found = utt2spk.find(key);
  if (found == utt2spk.end())
    throw Error("utterance ", Printable(key, 200), " is not in --utt2spk");
  return found->second;
}

}  // namespace

void WritePerUtterance(std::ostream &os, const WerResult &result) {
  for (const ScoredUtterance &u : result.utterances) {
    std::string ref = u.key + " ref", hyp = u.key + " hyp", op = u.key + " op ";
    if (u.edits.empty()) {
      for (std::string *line : {&ref, &hyp, &op}) *line += "  ";
    }
    ForEachEdit(u, [&](Edit edit, const std::string *r, const std::string *h) {
      const std::string a = r ? Shown(*r) : kNone, b = h ? Shown(*h) : kNone;
      const size_t width = std::max(Width(a), Width(b));
      for (std::string *line : {&ref, &hyp, &op}) *line += "  ";
      AppendCentred(a, width, &ref);
      AppendCentred(b, width, &hyp);
      AppendCentred(std::string(1, "CSDI"[IndexOf(edit)]), width, &op);
    });
    os << ref << '\n' << hyp << '\n' << op << '\n';
    os << u.key << " #csid " << u.counts.correct << ' ' << u.counts.substitutions << ' '
       << u.counts.insertions << ' ' << u.counts.deletions << '\n';
    if (u.missing) os << u.key << " #missing\n";
  }
}

void WriteEditOps(std::ostream &os, const WerResult &result) {
  constexpr size_t kWidest = 16;  // of a column of words, as in Kaldi
  struct Count {
    Edit edit = Edit::kCorrect;
    int64_t times = 0;
  };
  std::map<std::pair<std::string, std::string>, Count> counts;
  for (const ScoredUtterance &u : result.utterances) {
    ForEachEdit(u, [&](Edit edit, const std::string *r, const std::string *h) {
      Count &count = counts[{r ? Shown(*r) : kNone, h ? Shown(*h) : kNone}];
      count.edit = edit;
      ++count.times;
    });
  }
  size_t word_width = 0, number_width = 0;
  for (const auto &[words, count] : counts) {
    word_width = std::max({word_width, DisplayWidth(words.first), DisplayWidth(words.second)});
    number_width = std::max(number_width, std::to_string(count.times).size());
  }
  word_width = std::min(word_width, kWidest);
  for (const auto &[words, count] : counts) {
    std::string line;
    AppendLeft(kEditNames[IndexOf(count.edit)], 14, &line);
    AppendRight(words.first, word_width, &line);
    line += "    ";
    AppendRight(words.second, word_width, &line);
    line += "    ";
    AppendRight(std::to_string(count.times), number_width, &line);
    os << line << '\n';
  }
}

void WritePerSpeaker(std::ostream &os, const WerResult &result,
                     const std::unordered_map<std::string, std::string> &utt2spk) {
  struct Sum {
    EditCounts counts;
    int64_t sentences = 0, wrong = 0;
  };
  std::map<std::string, Sum> speakers;
  Sum all;
  for (const ScoredUtterance &u : result.utterances) {
    for (Sum *sum : {&speakers[SpeakerOf(u.key, utt2spk)], &all}) {
      sum->counts += u.counts;
      ++sum->sentences;
      sum->wrong += u.counts.Errors() > 0;
    }
  }
  size_t name_width = 15;
  for (const auto &[utterance, speaker] : utt2spk)
    name_width = std::max(name_width, DisplayWidth(speaker));

  std::string header;
  AppendLeft("SPEAKER", name_width, &header);
  header += " id ";
  for (const char *name : {"#SENT", "#WORD", "Corr", "Sub", "Ins", "Del", "Err", "S.Err"}) {
    header += ' ';
    AppendRight(name, 10, &header);
  }
  os << header << '\n';
  const auto number = [](int64_t n, std::string *line) {
    *line += ' ';
    AppendRight(std::to_string(n), 10, line);
  };
  const auto percent = [](int64_t n, int64_t of, std::string *line) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%10.2f",
                  100.0 * static_cast<double>(n) / static_cast<double>(of));
    *line += ' ';
    *line += buffer;
  };
  const auto write = [&](const std::string &name, const Sum &sum) {
    const EditCounts &c = sum.counts;
    const int64_t parts[] = {c.correct, c.substitutions, c.insertions, c.deletions, c.Errors()};
    std::string raw;
    AppendLeft(name, name_width, &raw);
    std::string sys = raw + " sys";
    raw += " raw";
    for (std::string *line : {&raw, &sys}) {
      number(sum.sentences, line);
      number(c.RefLength(), line);
    }
    for (const int64_t part : parts) {
      number(part, &raw);
      percent(part, c.RefLength(), &sys);
    }
    number(sum.wrong, &raw);
    percent(sum.wrong, sum.sentences, &sys);
    os << raw << '\n';
    if (c.RefLength() > 0) os << sys << '\n';
  };
  for (const auto &[name, sum] : speakers) write(name, sum);
  write("SUM", all);
}

void WriteEdits(std::ostream &os, const WerResult &result, AlignRule rule) {
  Aligner aligner(AlignRule::kKaldiText);
  std::unordered_map<std::string, int32_t> numbers;
  const auto number = [&](const std::vector<std::string> &words) {
    std::vector<int32_t> ids;
    for (const std::string &w : words) {
      ids.push_back(numbers.emplace(w, static_cast<int32_t>(numbers.size())).first->second);
    }
    return ids;
  };
  for (const ScoredUtterance &u : result.utterances) {
    std::vector<Edit> edits = u.edits;
    if (rule == AlignRule::kKaldi) aligner.Align(number(u.ref), number(u.hyp), &edits);
    size_t i = 0, j = 0;
    for (const Edit edit : edits) {
      os << kEditNames[IndexOf(edit)];
      if (edit != Edit::kInsertion) os << ' ' << Shown(u.ref.at(i++));
      if (edit != Edit::kDeletion) {
        const std::string &word = u.hyp.at(j++);
        if (edit != Edit::kCorrect) os << ' ' << Shown(word);
      }
      os << '\n';
    }
  }
}

namespace {

// sclite -i spu_id.
std::string SpeakerInKey(const std::string &key) {
  const size_t hyphen = key.find('-');
  return key.substr(0, hyphen != std::string::npos ? hyphen : key.find('_'));
}

// The three lines of one utterance, or of its stretches of up to kColumns columns.
void WritePath(std::ostream &os, const ScoredUtterance &u) {
  constexpr size_t kColumns = 1000, kLabel = 6, kLaterLabel = 9;
  struct Column {
    std::string ref, hyp;
    char eval;
    size_t width;
  };
  std::vector<Column> columns;
  ForEachEdit(u, [&](Edit edit, const std::string *r, const std::string *h) {
    Column c;
    if (r) c.ref = Shown(*r);
    if (h) c.hyp = Shown(*h);
    c.width = std::max(r ? Width(c.ref) : 1, h ? Width(c.hyp) : 1);
    if (!r) c.ref = std::string(Width(c.hyp), '*');
    if (!h) c.hyp = std::string(Width(c.ref), '*');
    c.eval = " SDI"[IndexOf(edit)];
    columns.push_back(std::move(c));
  });
  for (size_t begin = 0; begin < columns.size();) {
    // As sclite: what would reach the last column goes to the next stretch, but one column fits
    // always.
    size_t length = begin > 0 ? kLaterLabel : kLabel, end = begin;
    while (length < kColumns && end < columns.size()) length += 1 + columns[end++].width;
    if (end < columns.size() && end > begin + 1) --end;
    const std::string prefix = begin > 0 ? ">> " : "";
    std::string ref = prefix + "REF:  ", hyp = prefix + "HYP:  ", eval = prefix + "Eval: ";
    for (size_t i = begin; i < end; ++i) {
      AppendLeft(columns[i].ref, columns[i].width + 1, &ref);
      AppendLeft(columns[i].hyp, columns[i].width + 1, &hyp);
      AppendLeft(std::string(1, columns[i].eval), columns[i].width + 1, &eval);
    }
    os << (begin > 0 ? "\n" : "") << ref << '\n' << hyp << '\n' << eval << '\n';
    begin = end;
  }
}

}  // namespace

void WritePralign(std::ostream &os, const WerResult &result, const std::string &system,
                  bool characters, const std::unordered_map<std::string, std::string> &utt2spk) {
  std::vector<std::pair<std::string, std::vector<const ScoredUtterance *>>> speakers;
  std::unordered_map<std::string, size_t> index;
  for (const ScoredUtterance &u : result.utterances) {
    const std::string speaker = utt2spk.empty() ? SpeakerInKey(u.key) : SpeakerOf(u.key, utt2spk);
    const size_t k = index.emplace(speaker, speakers.size()).first->second;
    if (k == speakers.size()) speakers.push_back({speaker, {}});
    speakers[k].second.push_back(&u);
  }
  char number[32];
  os << "\n\n\t\tDUMP OF SYSTEM ALIGNMENT STRUCTURE\n\nSystem name:   " << system
     << "\n\nSpeakers: \n";
  for (size_t k = 0; k < speakers.size(); ++k) {
    std::snprintf(number, sizeof number, "%5zu", k);
    os << number << ":  " << speakers[k].first << '\n';
  }
  os << '\n';
  for (size_t k = 0; k < speakers.size(); ++k) {
    std::snprintf(number, sizeof number, "%4zu", k);
    os << "Speaker sentences" << number << ":  " << speakers[k].first
       << "   #utts: " << speakers[k].second.size() << '\n';
    for (const ScoredUtterance *u : speakers[k].second) {
      const EditCounts &c = u->counts;
      os << "id: (" << u->key << ")\nScores: (#C #S #D #I) " << c.correct << ' ' << c.substitutions
         << ' ' << c.deletions << ' ' << c.insertions
         << "\nAttributes: " << (characters ? "Character_align " : "") << "Case_sensitve \n";
      WritePath(os, *u);
      os << '\n';
    }
  }
  os << '\n';
}

}  // namespace u2moe
