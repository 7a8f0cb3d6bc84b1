#include "util/table-specifier.h"

#include <string_view>
#include <vector>

#include "base/error.h"
#include "util/io.h"
#include "util/text.h"

namespace u2moe {
namespace {

struct SplitSpecifier {
  std::vector<std::string> words;
  std::string rest;
};

SplitSpecifier SplitAtColon(const std::string &specifier, const char *kind) {
  const size_t colon = specifier.find(':');
  if (colon == specifier.npos) {
    throw UsageError("'", specifier, "' is not a table (", kind, "): write ark:FILE or scp:FILE");
  }
  if (IsSpace(specifier.front()) || IsSpace(specifier.back())) {
    throw UsageError("the ", kind, " '", specifier, "' has a space at an end; remove it");
  }
  return {Split(std::string_view(specifier).substr(0, colon), ','), specifier.substr(colon + 1)};
}

[[noreturn]] void UnknownOption(const std::string &word, const std::string &specifier,
                                const char *kind, const char *known) {
  throw UsageError("unknown option '", word, "' in the ", kind, " '", specifier,
                   "'; known: ", known);
}

}  // namespace

Rspecifier ParseRspecifier(const std::string &rspecifier) {
  const SplitSpecifier split = SplitAtColon(rspecifier, "rspecifier");
  Rspecifier spec;
  spec.rxfilename = split.rest;
  bool kind_given = false;
  for (const std::string &word : split.words) {
    if (word == "ark" || word == "scp") {
      if (kind_given)
        throw UsageError("'", rspecifier, "': one of ark and scp can be read, not both");
      kind_given = true;
      spec.is_script = word == "scp";
    } else if (word == "o" || word == "no") {
      spec.once = word == "o";
    } else if (word == "s" || word == "ns") {
      spec.sorted = word == "s";
    } else if (word == "cs" || word == "ncs") {
      spec.called_sorted = word == "cs";
    } else if (word == "p" || word == "np") {
      spec.permissive = word == "p";
    } else if (word == "bg") {
      spec.background = true;
    } else if (word != "b" && word != "t") {
      UnknownOption(word, rspecifier, "rspecifier", "ark scp s ns cs ncs o no p np b t bg");
    }
  }
  if (!kind_given) throw UsageError("the rspecifier '", rspecifier, "' lacks ark or scp");
  if (spec.rxfilename.empty())
    throw UsageError("the rspecifier '", rspecifier, "' lacks a file name");
  return spec;
}

Wspecifier ParseWspecifier(const std::string &wspecifier) {
  const SplitSpecifier split = SplitAtColon(wspecifier, "wspecifier");
  Wspecifier spec;
  bool archive = false, script = false;
  for (const std::string &word : split.words) {
    if (word == "ark") {
      if (archive || script) throw UsageError("'", wspecifier, "': write ark, scp or ark,scp");
      archive = true;
    } else if (word == "scp") {
      if (script) throw UsageError("'", wspecifier, "': write ark, scp or ark,scp");
      script = true;
    } else if (word == "b" || word == "t") {
      spec.binary = word == "b";
    } else if (word == "f" || word == "nf") {
      spec.flush = word == "f";
    } else if (word == "p") {
      spec.permissive = true;
    } else {
      UnknownOption(word, wspecifier, "wspecifier", "ark scp b t f nf p");
    }
  }
  if (!archive && !script) throw UsageError("the wspecifier '", wspecifier, "' lacks ark or scp");
  std::string first = split.rest, second;
  if (archive && script) {
    const size_t comma = split.rest.find(',');
    if (comma == split.rest.npos) {
      throw UsageError("the wspecifier '", wspecifier, "' needs two names: ark,scp:ARCHIVE,SCRIPT");
    }
    first = split.rest.substr(0, comma);
    second = split.rest.substr(comma + 1);
    if (first == "-" || IsPipe(first)) {
      throw UsageError("'", wspecifier, "': script lines cannot point into a stream; name a file");
    }
    if (first == second)
      throw UsageError("'", wspecifier, "': archive and script are the same file");
  }
  if (first.empty() || (archive && script && second.empty())) {
    throw UsageError("the wspecifier '", wspecifier, "' lacks a file name");
  }
  if (archive) spec.archive = first;
  if (script) spec.script = archive ? second : first;
  return spec;
}

bool IsTable(const std::string &name) {
  const size_t colon = name.find(':');
  if (colon == name.npos) return false;
  for (const std::string &word : Split(std::string_view(name).substr(0, colon), ',')) {
    if (word == "ark" || word == "scp") return true;
  }
  return false;
}

}  // namespace u2moe
