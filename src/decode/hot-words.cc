#include "decode/hot-words.h"

#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {
namespace {

constexpr double kLargestScore = 1000;

double ParseScore(std::string_view field, const std::string &where) {
  double score = 0;
  if (!ParseNumber(Trim(field), &score) || !(std::fabs(score) <= kLargestScore)) {
    throw Error(where, "after the tab stands '", Printable(Trim(field)),
                "'; expected a score of up to ", kLargestScore, ", or no tab within a phrase");
  }
  return score;
}

// "PHRASE :2.5" is how sherpa-onnx writes what is "PHRASE<TAB>2.5" here.
void RefuseSherpaScore(const std::string &last_word, const std::string &where) {
  double score = 0;
  if (last_word.size() > 1 && last_word[0] == ':' && ParseNumber(last_word.substr(1), &score)) {
    throw Error(where, "'", Printable(last_word), "' is not part of a phrase; write a tab and ",
                last_word.substr(1));
  }
}

}  // namespace

void HotWordsOptions::Register(OptionParser *po) {
  po->RegisterInput(
      "hot-words", &file,
      "file of phrases that the search shall prefer, one a line; after a tab, a phrase "
      "may have its own --hot-words-score");
  po->Register("hot-words-score", &score,
               "natural-log units for each unit of a hot phrase; negative: phrases to avoid");
  po->Register(
      "hot-words-order", &order,
      "admit: units that begin or continue a phrase are tried whatever their probability, and "
      "a hypothesis is paid for the phrases that are in it; wenet: only the best --beam units, "
      "scored as WeNet does, its last scores included");
  po->Register("hot-words-whole-words", &whole_words,
               "where the model has a unit for the space, a phrase counts only between spaces or "
               "ends");
}

void HotWordsOptions::Check() const {
  if (order != "admit" && order != "wenet") {
    throw UsageError("--hot-words-order=", order, ": unknown; known are admit, wenet");
  }
  if (!(std::fabs(score) <= kLargestScore)) {
    throw UsageError("--hot-words-score=", score, ": must be a number of magnitude up to ",
                     kLargestScore);
  }
}

std::string HotWordsOptions::ToString() const {
  if (file.empty()) return "";
  return Cat(", hot words ", file, " (score ", score, ", order ", order, ")");
}

std::vector<ContextPhrase> ReadHotWords(const std::string &rxfilename, double score,
                                        const UnitEncoder &encode) {
  Input input(rxfilename);
  input.SkipByteOrderMark();
  std::vector<ContextPhrase> phrases;
  std::map<std::vector<int32_t>, std::pair<double, int64_t>> seen;  // score and line
  int64_t left_out = 0;
  std::string line;
  for (int64_t number = 1; std::getline(input.Stream(), line); ++number) {
    const std::string where = Cat(rxfilename, ":", number, ": ");
    if (!IsValidUtf8(line)) {
      throw Error(where, "not UTF-8: ", Printable(line), "; convert the file with iconv -t UTF-8");
    }
    std::string_view text = Trim(line);
    ContextPhrase phrase;
    phrase.score = score;
    const size_t tab = text.rfind('\t');
    if (tab != text.npos) {
      phrase.score = ParseScore(text.substr(tab + 1), where);
      text = Trim(text.substr(0, tab));
    }
    const std::vector<std::string> words = SplitWords(text);
    if (words.empty()) continue;
    RefuseSherpaScore(words.back(), where);
    try {
      phrase.tokens = encode(words);
      if (phrase.tokens.empty()) throw DataError("no unit of the model is in it");
    } catch (const DataError &e) {
      ++left_out;
      LOG_WARN << where << "hot phrase '" << Printable(text) << "' is left out: " << e.what();
      continue;
    }
    const auto [it, is_new] = seen.emplace(phrase.tokens, std::pair(phrase.score, number));
    if (is_new) {
      phrases.push_back(std::move(phrase));
    } else if (it->second.first != phrase.score) {
      throw Error(where, "hot phrase '", Printable(text), "' has the score ", phrase.score,
                  ", but ", it->second.first, " in line ", it->second.second,
                  "; remove one of the two");
    } else {
      LOG_WARN << where << "hot phrase '" << Printable(text) << "' was in line "
               << it->second.second << " already";
    }
  }
  input.Close();
  if (phrases.empty()) throw Error(rxfilename, ": no phrase that can be used; expected one a line");
  LOG_INFO << rxfilename << ": " << phrases.size() << " hot phrases, " << left_out << " left out";
  return phrases;
}

int32_t SearchUnits::Boundary() const {
  int32_t boundary = -1;
  for (size_t i = 0; i < units.size(); ++i) {
    if (units[i] == space) {
      boundary = static_cast<int32_t>(i);
    } else if (StartsWith(units[i], UnitTable::kSpace)) {
      return -1;
    }
  }
  return boundary;
}

ContextGraph MakeContextGraph(const HotWordsOptions &opts,
                              const std::vector<ContextPhrase> &phrases, const SearchUnits &units) {
  ContextGraphOptions graph;
  if (opts.Wenet()) {
    graph.scoring = ContextScoring::kWenet;
  } else if (opts.whole_words) {
    graph.boundary = units.Boundary();
  }
  return ContextGraph(phrases, graph);
}

ContextGraph MakeContextGraph(const HotWordsOptions &opts, const SearchUnits &units) {
  return MakeContextGraph(opts, ReadHotWords(opts.file, opts.score, units.encode), units);
}

}  // namespace u2moe
