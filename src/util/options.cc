#include "util/options.h"

#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <optional>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "util/io.h"
#include "util/places.h"
#include "util/text.h"

namespace po = boost::program_options;

namespace u2moe {
namespace {

// Levenshtein distance, for "did you mean".
size_t EditDistance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t substitute = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({substitute, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string LowerCase(std::string s) {
  for (char &c : s) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return s;
}

std::string NormalizeName(std::string name) {
  name = LowerCase(std::string(Trim(name)));
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

// "true" or "false" for Kaldi's spellings of them and for yes and no; others, "" too, stay as they
// are and are refused later.
std::string BoolText(const std::string &value) {
  const std::string v = LowerCase(value);
  if (v == "true" || v == "t" || v == "1" || v == "yes") return "true";
  if (v == "false" || v == "f" || v == "0" || v == "no") return "false";
  return "'" + value + "'";
}

std::string DefaultText(bool v) { return v ? "true" : "false"; }
std::string DefaultText(const std::string &v) { return "\"" + v + "\""; }
template <class T>
std::string DefaultText(T v) {
  return Cat(v);
}

}  // namespace

struct OptionParser::Impl {
  struct Row {
    std::string name, type, default_text, doc;
  };
  std::string usage;
  po::options_description description;
  std::vector<Row> rows;  // in order of registration, for --help
  std::set<std::string> given;
  std::vector<std::function<void()>> checks;
  struct PlaceOption {
    std::string name;
    const std::string *value;
    bool input;
  };
  std::vector<PlaceOption> places;
  struct InputList {
    std::string name;
    const std::string *last;
    std::vector<std::string> *values;
  };
  std::vector<InputList> lists;
  std::vector<std::function<void(Places *)>> more_places;
  std::vector<std::string> configs;  // that were read
  std::string config;
  std::vector<std::shared_ptr<void>> kept;  // variables of options without effect
  bool help = false, print_args = true;
  int32_t verbose = 0;

  template <class T>
  void Add(const std::string &name, T *value, const std::string &type, const std::string &doc) {
    for (const Row &row : rows)
      CHECK(row.name != name) << "option --" << name << " registered twice";
    rows.push_back({name, type, DefaultText(*value), doc});
    description.add_options()(name.c_str(), po::value<T>(value), doc.c_str());
  }

  bool Known(const std::string &name) const {
    return std::any_of(rows.begin(), rows.end(), [&](const Row &row) { return row.name == name; });
  }

  // "name=value" or, for a boolean, "name"; as in Kaldi, underscores stand for hyphens, capitals
  // for small letters, and spaces around a value do not belong to it. `where` begins the message of
  // an error; it is "" for the command line.
  po::option ParseOption(const std::string &text, const std::string &where) const {
    const size_t eq = text.find('=');
    po::option option;
    option.string_key = NormalizeName(text.substr(0, eq));
    CheckKnown(option.string_key, where);
    if (eq != std::string::npos) {
      option.value.emplace_back(Trim(std::string_view(text).substr(eq + 1)));
    } else {
      for (const Row &row : rows) {
        if (row.name == option.string_key && row.type != "bool") {
          throw UsageError(where, "option --", row.name, " needs a value: --", row.name, "=VALUE");
        }
      }
      option.value.push_back("true");
    }
    option.original_tokens.push_back(text);
    return option;
  }

  void CheckKnown(const std::string &name, const std::string &where) const {
    const Row *best = nullptr;
    size_t best_distance = std::min<size_t>(4, 1 + name.size() / 2);  // more is no typing error
    for (const Row &row : rows) {
      if (row.name == name) return;
      size_t d = EditDistance(row.name, name);
      if (d < best_distance) {
        best_distance = d;
        best = &row;
      }
    }
    throw UsageError(where, "unknown option --", Printable(name, 200),
                     best ? "; did you mean --" + best->name + "?" : std::string());
  }

  // One option at a time: Boost refuses repeats, while in Kaldi a later value replaces an earlier
  // one.
  void Store(const po::option &option, const std::string &where) {
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [&](const Row &r) { return r.name == option.string_key; });
    po::parsed_options parsed(&description);
    parsed.options.push_back(option);
    if (row->type == "bool") parsed.options[0].value[0] = BoolText(option.value[0]);
    try {
      po::variables_map map;
      po::store(parsed, map);
      po::notify(map);
    } catch (const po::error &) {
      throw UsageError(where, "--", row->name, "=", Printable(option.value[0], 200), ": expected ",
                       row->type == "bool"  ? "true or false"
                       : row->type == "int" ? "a whole number that is not too large"
                                            : "a number");
    }
    given.insert(option.string_key);
    for (const InputList &list : lists) {
      if (list.name != option.string_key) continue;
      list.last->empty() ? list.values->clear() : list.values->push_back(*list.last);
    }
  }
};

OptionParser::OptionParser(const std::string &usage) : impl_(new Impl) {
  impl_->usage = usage;
  Register("config", &impl_->config, "file of name=value lines, read before the other options");
  Register("help", &impl_->help, "print this help and exit");
  Register("print-args", &impl_->print_args, "print the command line to stderr");
  Register("verbose", &impl_->verbose, "verbosity of the log; higher says more");
}

OptionParser::~OptionParser() = default;

void OptionParser::Register(const std::string &name, bool *value, const std::string &doc) {
  impl_->Add(name, value, "bool", doc);
}
void OptionParser::Register(const std::string &name, int32_t *value, const std::string &doc) {
  impl_->Add(name, value, "int", doc);
}
void OptionParser::Register(const std::string &name, int64_t *value, const std::string &doc) {
  impl_->Add(name, value, "int", doc);
}
void OptionParser::Register(const std::string &name, float *value, const std::string &doc) {
  impl_->Add(name, value, "float", doc);
}
void OptionParser::Register(const std::string &name, double *value, const std::string &doc) {
  impl_->Add(name, value, "float", doc);
}
void OptionParser::Register(const std::string &name, std::string *value, const std::string &doc) {
  impl_->Add(name, value, "string", doc);
}

void OptionParser::RegisterInput(const std::string &name, std::string *value,
                                 const std::string &doc) {
  Register(name, value, doc);
  impl_->places.push_back({name, value, true});
}
void OptionParser::RegisterOutput(const std::string &name, std::string *value,
                                  const std::string &doc) {
  Register(name, value, doc);
  impl_->places.push_back({name, value, false});
}
void OptionParser::RegisterInputs(const std::string &name, std::vector<std::string> *values,
                                  const std::string &doc) {
  const auto last = std::make_shared<std::string>();
  Register(name, last.get(), doc);
  Keep(last);
  impl_->lists.push_back({name, last.get(), values});
}
void OptionParser::AddPlaces(std::function<void(Places *)> declare) {
  impl_->more_places.push_back(std::move(declare));
}
void OptionParser::Keep(std::shared_ptr<void> value) { impl_->kept.push_back(std::move(value)); }

void OptionParser::AddCheck(std::function<void()> check) {
  impl_->checks.push_back(std::move(check));
}

bool OptionParser::Parse(int argc, const char *const *argv, int min_args, int max_args,
                         InputArgs inputs) {
  // Whoever asks for help gets it, whatever else is wrong with the line, as in Kaldi.
  for (int k = 1; k < argc && std::string(argv[k]) != "--"; ++k) {
    const std::string arg = argv[k];
    if (arg == "-h" || (arg.compare(0, 2, "--") == 0 && NormalizeName(arg.substr(2)) == "help")) {
      PrintHelp();
      return false;
    }
  }
  // Only "--name" and "--name=value" are options, as in Kaldi; "-" and everything after the first
  // positional argument or "--" are arguments, so a file name never needs quoting tricks.
  std::vector<po::option> parsed;
  int i = 1;
  bool separator = false;
  for (; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg == "--") {
      separator = true;
      ++i;
      break;
    }
    if (arg.size() < 2 || arg[0] != '-') break;
    if (arg[1] != '-') throw UsageError("unknown option ", arg, "; options begin with --");
    parsed.push_back(impl_->ParseOption(arg.substr(2), ""));
  }
  PlaceRegister::Watch();
  for (const po::option &option : parsed) {
    if (option.string_key != "config") continue;
    impl_->configs.push_back(option.value[0]);
    ReadConfigFile(option.value[0]);
  }
  for (const po::option &option : parsed) impl_->Store(option, "");
  if (impl_->help) {
    PrintHelp();
    return false;
  }
  args_.assign(argv + i, argv + argc);
  for (const std::string &arg : args_) {
    // An option that came too late would pass for a file name, and be missed.
    if (!separator && arg.compare(0, 2, "--") == 0 &&
        impl_->Known(NormalizeName(arg.substr(2, arg.find('=') - 2)))) {
      throw UsageError("option ", arg, " must come before the arguments (or put -- before a file ",
                       "of that name)");
    }
  }
  SetVerbosity(impl_->verbose);
  if (NumArgs() < min_args || (max_args >= 0 && NumArgs() > max_args)) {
    const size_t usage = impl_->usage.find("Usage:");
    const size_t end = impl_->usage.find('\n', usage);
    throw UsageError(NumArgs(), " arguments given. ",
                     usage == std::string::npos ? "" : impl_->usage.substr(usage, end - usage));
  }
  RunChecks();
  CheckPlaces(inputs);
  if (impl_->print_args) {
    std::string line;
    for (int k = 0; k < argc; ++k) line += (k ? " " : "") + ShellQuote(argv[k]);
    std::cerr << line + "\n";
  }
  return true;
}

void OptionParser::CheckPlaces(InputArgs inputs) const {
  Places places;
  for (const std::string &config : impl_->configs) places.Read("--config=" + config, config);
  const int num_inputs = inputs.count < 0 ? NumArgs() + inputs.count : inputs.count;
  for (int i = 0; i < NumArgs() && inputs.count != InputArgs::kNone; ++i) {
    const std::string what = Cat("argument ", i + 1, " (", Arg(i), ")");
    i < num_inputs ? places.Read(what, Arg(i)) : places.Write(what, Arg(i));
  }
  for (const Impl::PlaceOption &option : impl_->places) {
    const std::string what = Cat("--", option.name, "=", *option.value);
    option.input ? places.Read(what, *option.value) : places.Write(what, *option.value);
  }
  for (const Impl::InputList &list : impl_->lists) {
    for (const std::string &value : *list.values)
      places.Read(Cat("--", list.name, "=", value), value);
  }
  for (const auto &declare : impl_->more_places) declare(&places);
  places.Check();
}

bool OptionParser::WasGiven(const std::string &name) const { return impl_->given.count(name) > 0; }

void OptionParser::Set(const std::string &name, const std::string &value) {
  impl_->Store(impl_->ParseOption(name + "=" + value, ""), "");
}

void OptionParser::ReadConfigFile(const std::string &path) {
  std::optional<Input> input;
  const auto next = [&](int number, std::string *line) {
    try {
      if (number == 1) {
        input.emplace(path);
        input->SkipByteOrderMark();
      }
      if (!std::getline(input->Stream(), *line)) {
        input->Close();
        return false;
      }
      if (number > 1) RefuseByteOrderMark(*line, [&] { return Cat(path, ":", number); });
      return true;
    } catch (const PlaceError &) {
      throw;
    } catch (const Error &e) {
      throw UsageError("cannot read configuration file ", path.empty() ? "''" : path, ": ",
                       e.what());
    }
  };
  std::string line;
  for (int number = 1; next(number, &line); ++number) {
    line = std::string(Trim(std::string_view(line).substr(0, line.find('#'))));
    if (line.empty()) continue;
    const std::string where = Cat(path, ":", number, ": ");
    if (line.compare(0, 2, "--") == 0) line.erase(0, 2);
    if (line.find('=') == std::string::npos && !impl_->Known(NormalizeName(line))) {
      throw UsageError(where, "expected name=value, found '", Printable(line, 200), "'");
    }
    const po::option option = impl_->ParseOption(line, where);
    if (option.string_key == "config") {
      throw UsageError(where, "a configuration file cannot name another");
    }
    impl_->Store(option, where);
  }
}

void OptionParser::ReadForeignConfig(const std::string &path) {
  ReadConfigFile(path);
  try {
    RunChecks();
  } catch (const UsageError &e) {
    throw UsageError(path, ": ", e.what());
  }
}

void OptionParser::RunChecks() const {
  for (const auto &check : impl_->checks) check();
}

// Written past std::cout, so that `tool --help | head` ends as quietly as it began.
void OptionParser::PrintHelp() const {
  std::string text = impl_->usage + "\nOptions:\n";
  for (const Impl::Row &row : impl_->rows) {
    text += Cat("  --", row.name, " (", row.type, ", default ", row.default_text, ")\n      ",
                row.doc, "\n");
  }
  std::cout.flush();
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (n >= 0) {
      done += static_cast<size_t>(n);
    } else if (errno == EPIPE) {
      return;
    } else if (errno != EINTR) {
      throw Error("cannot print the help: ", std::strerror(errno));
    }
  }
}

std::string ShellQuote(const std::string &s) {
  const char *safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+=:,./-";
  if (!s.empty() && s.find_first_not_of(safe) == std::string::npos) return s;
  std::string quoted = "'";
  for (char c : s) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace u2moe
