#include "lm/arpa-reader.h"

#include <cmath>
#include <streambuf>

#include "base/error.h"
#include "util/text.h"

namespace u2moe {
namespace {

// Sixteen words of 4000 bytes each: what is longer is no ARPA file.
constexpr size_t kMaxLine = 1 << 16;
constexpr double kLogZero = -99;  // as SRILM and irstlm write log10 of 0
constexpr double kLargest = 1e4;  // magnitude of a logarithm

// What a first line says about a file that is something else; "" for nothing.
std::string OtherFormat(std::string_view line) {
  if (StartsWith(line, "\x1f\x8b")) return "compressed; read it as 'gunzip -c FILE |'";
  if (StartsWith(line, "iARPA")) {
    return "irstlm's iARPA, whose numbers are not those of a back-off model; write it as ARPA with "
           "'compile-lm FILE --text=yes OUT.arpa'";
  }
  for (const char *magic : {"blmt", "Qblmt", "qARPA"}) {
    if (StartsWith(line, magic)) {
      return "a compiled model of irstlm; write it as ARPA with 'compile-lm FILE --text=yes "
             "OUT.arpa'";
    }
  }
  if (StartsWith(line, "mmap lm")) {
    return "a compiled model of KenLM; give the ARPA file that it was made from";
  }
  return "";
}

// "\2-grams:" is 2; 0: no such line.
int SectionOrder(std::string_view line) {
  constexpr std::string_view kTail = "-grams:";
  int32_t n = 0;
  if (!StartsWith(line, "\\") || !EndsWith(line, kTail)) return 0;
  if (!ParseNumber(line.substr(1, line.size() - 1 - kTail.size()), &n) || n < 1) return 0;
  return n;
}

void SplitInPlace(std::string_view line, std::vector<std::string_view> *fields) {
  fields->clear();
  for (size_t i = 0; i < line.size();) {
    const size_t begin = i;
    while (i < line.size() && !IsSpace(line[i])) ++i;
    fields->push_back(line.substr(begin, i - begin));
    while (i < line.size() && IsSpace(line[i])) ++i;
  }
}

}  // namespace

std::string ArpaReader::Where(int64_t line) const { return Cat(input_.Name(), ":", line, ": "); }

template <class... Args>
void ArpaReader::Fail(const Args &...args) const {
  throw Error(Where(number_), args...);
}

ArpaReader::ArpaReader(const std::string &rxfilename) : input_(rxfilename) {
  input_.SkipByteOrderMark();
  ReadHeader();
}

bool ArpaReader::ReadLine() {
  line_.clear();
  std::streambuf *in = input_.Stream().rdbuf();
  constexpr int kEnd = std::streambuf::traits_type::eof();
  int c = in->sbumpc();
  if (c == kEnd) return false;
  ++number_;
  for (; c != kEnd && c != '\n'; c = in->sbumpc()) {
    if (line_.size() == kMaxLine) {
      Fail("a line of more than ", kMaxLine, " bytes; this is no ARPA file");
    }
    line_.push_back(static_cast<char>(c));
  }
  while (!line_.empty() && IsSpace(line_.back())) line_.pop_back();
  size_t space = 0;
  while (space < line_.size() && IsSpace(line_[space])) ++space;
  line_.erase(0, space);
  return true;
}

bool ArpaReader::NextTextLine() {
  while (ReadLine()) {
    if (!line_.empty()) return true;
  }
  return false;
}

void ArpaReader::ReadHeader() {
  while (true) {
    if (!NextTextLine()) {
      input_.Close();  // whose reason is better
      throw Error(input_.Name(), ": no line \\data\\, so it is not a model in the ARPA format");
    }
    if (line_ == "\\data\\") break;
    const std::string other = OtherFormat(line_);
    if (!other.empty()) Fail("this is ", other);
    if (line_.find('\0') != line_.npos) Fail("a zero byte; this is no ARPA file");
    if (SectionOrder(line_) > 0 || line_ == "\\end\\") {
      Fail("'", line_, "' before \\data\\; the beginning of the file is missing");
    }
  }
  bool more = NextTextLine();
  for (; more && StartsWith(line_, "ngram"); more = NextTextLine()) ReadCount();
  if (counts_.empty()) Fail("\\data\\ has no line such as 'ngram 1=1000'");
  if (!more) {
    input_.Close();
    Fail("the file ends after \\data\\; is it cut off?");
  }
}

void ArpaReader::ReadCount() {
  const std::string_view line = line_;
  const size_t equals = line.find('=');
  int32_t order = 0;
  int64_t count = 0;
  if (equals == line.npos || !ParseNumber(Trim(line.substr(5, equals - 5)), &order) ||
      !ParseNumber(Trim(line.substr(equals + 1)), &count) || count < 0) {
    Fail("expected a line such as 'ngram 1=1000', found '", Printable(line), "'");
  }
  if (order != Order() + 1) {
    Fail("the count of order ", order, " where that of order ", Order() + 1, " belongs");
  }
  if (order > kMaxOrder) Fail("order ", order, "; at most ", kMaxOrder, " is supported");
  counts_.push_back(count);
}

void ArpaReader::EndSection() const {
  if (order_ == 0 || seen_ == counts_[order_ - 1]) return;
  Fail("section \\", order_, "-grams: ends here with ", seen_, " n-grams, but \\data\\ says ngram ",
       order_, "=", counts_[order_ - 1], "; was the file cut or edited?");
}

void ArpaReader::EndOfWords() {
  bos_ = words_.Find(kBos);
  eos_ = words_.Find(kEos);
  unk_ = words_.Find("<unk>");
  if (unk_ < 0) unk_ = words_.Find("<UNK>");
  for (const char *symbol : {kBos, kEos}) {
    if (words_.Find(symbol) >= 0) continue;
    Fail("the 1-grams end here without ", symbol,
         ", which says where a sentence begins or ends; train on sentences in <s> and </s>");
  }
}

void ArpaReader::BeginSection() {
  EndSection();
  const bool end = line_ == "\\end\\";
  const size_t next = end ? counts_.size() + 1 : static_cast<size_t>(SectionOrder(line_));
  if (next == 0) {
    Fail("expected \\", order_ + 1, "-grams: or \\end\\, found '", Printable(line_), "'");
  }
  if (next <= order_ || (!end && next > counts_.size())) {
    Fail("'", line_, "' does not follow here; \\data\\ has the orders 1 to ", counts_.size(),
         " and order ", order_, " is over");
  }
  for (++order_; order_ != next; ++order_) {
    if (order_ == 2) EndOfWords();
    if (counts_[order_ - 1] > 0) {
      Fail("expected \\", order_, "-grams:, of which \\data\\ says ", counts_[order_ - 1],
           ", found '", Printable(line_), "'");
    }
  }
  if (order_ == 2) EndOfWords();
  seen_ = 0;
  if (end) ReadEnd();
}

void ArpaReader::ReadEnd() {
  if (NextTextLine()) Fail("'", Printable(line_), "' after \\end\\; is this two models in one?");
  input_.Finish();
  done_ = true;
}

bool ArpaReader::Next(ArpaNgram *ngram) {
  while (!done_) {
    // The line that ended \data\ has been read already.
    if (order_ > 0 && !NextTextLine()) {
      input_.Close();
      Fail("the file ends without \\end\\; is it cut off?");
    }
    if (order_ > 0 && line_.front() != '\\') {
      ParseNgram(ngram);
      return true;
    }
    BeginSection();
  }
  return false;
}

double ArpaReader::ParseLog(std::string_view field, const char *what) const {
  double value = 0;
  if (!ParseNumber(field, &value) || std::isnan(value)) {
    Fail(what, " '", Printable(field), "' is not a number");
  }
  if (std::isinf(value)) {
    if (value < 0) return kLogZero;
    Fail(what, " '", Printable(field), "' is infinite");
  }
  if (std::fabs(value) > kLargest) Fail(what, " '", Printable(field), "' is out of range");
  return value;
}

void ArpaReader::ParseNgram(ArpaNgram *ngram) {
  const size_t n = order_;
  if (++seen_ > counts_[n - 1]) {
    Fail("more than the ", counts_[n - 1], " n-grams that \\data\\ says for \\", n,
         "-grams:; was the file edited?");
  }
  SplitInPlace(line_, &fields_);
  if (fields_.size() != n + 1 && fields_.size() != n + 2) {
    Fail("expected a probability, ", n, " word(s) and perhaps a back-off weight, found ",
         fields_.size(), " fields");
  }
  ngram->line = number_;
  ngram->log10_prob = ParseLog(fields_[0], "probability");
  if (ngram->log10_prob > 0) {
    if (ngram->log10_prob > kRounding) {
      Fail("log10 probability ", fields_[0], " is above 0, so that the probability is above 1");
    }
    ngram->log10_prob = 0;
    ++rounded_down_;
  }
  ngram->log10_backoff = fields_.size() == n + 2 ? ParseLog(fields_[n + 1], "back-off weight") : 0;
  ngram->words.resize(n);
  for (size_t i = 0; i < n; ++i) {
    const std::string_view word = fields_[i + 1];
    int32_t *id = &ngram->words[i];
    if (n > 1) {
      *id = words_.Find(word);
      if (*id < 0) Fail("'", Printable(word), "' is not among the 1-grams");
      continue;
    }
    if (!IsValidUtf8(word)) {
      Fail("not UTF-8: '", Printable(word), "'; convert the file with iconv -t UTF-8");
    }
    *id = words_.Add(word);
    if (words_.Size() != seen_) Fail("the 1-gram '", Printable(word), "' occurs a second time");
  }
}

}  // namespace u2moe
