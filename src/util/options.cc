#include "util/options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <iostream>
#include <optional>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "util/io.h"
#include "util/places.h"

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

constexpr char kSpace[] = " \t\r";

std::string NormalizeName(std::string name) {
  name.erase(name.find_last_not_of(kSpace) + 1);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
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
  std::vector<std::function<void(Places *)>> more_places;
  std::vector<std::string> configs;  // that were read
  std::string config;
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

  // "name=value" or, for a boolean, "name"; underscores stand for hyphens as in Kaldi. `where`
  // begins the message of an error; it is "" for the command line.
  po::option ParseOption(const std::string &text, const std::string &where) const {
    const size_t eq = text.find('=');
    po::option option;
    option.string_key = NormalizeName(text.substr(0, eq));
    CheckKnown(option.string_key, where);
    if (eq != std::string::npos) {
      std::string value = text.substr(eq + 1);
      if (!where.empty()) value.erase(0, value.find_first_not_of(kSpace));
      option.value.push_back(value);
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
    throw UsageError(where, "unknown option --", name,
                     best ? "; did you mean --" + best->name + "?" : std::string());
  }

  // One option at a time: Boost refuses repeats, while in Kaldi a later value replaces an earlier
  // one.
  void Store(const po::option &option, const std::string &where) {
    po::parsed_options parsed(&description);
    parsed.options.push_back(option);
    try {
      po::variables_map map;
      po::store(parsed, map);
      po::notify(map);
    } catch (const po::error &) {
      const auto row = std::find_if(rows.begin(), rows.end(),
                                    [&](const Row &r) { return r.name == option.string_key; });
      throw UsageError(where, "--", row->name, "=", option.value[0], ": expected ",
                       row->type == "bool"  ? "true or false"
                       : row->type == "int" ? "a whole number that is not too large"
                                            : "a number");
    }
    given.insert(option.string_key);
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
void OptionParser::AddPlaces(std::function<void(Places *)> declare) {
  impl_->more_places.push_back(std::move(declare));
}

void OptionParser::AddCheck(std::function<void()> check) {
  impl_->checks.push_back(std::move(check));
}

bool OptionParser::Parse(int argc, const char *const *argv, int min_args, int max_args,
                         InputArgs inputs) {
  // Only "--name" and "--name=value" are options, as in Kaldi; "-" and everything after the first
  // positional argument or "--" are arguments, so a file name never needs quoting tricks.
  std::vector<po::option> parsed;
  int i = 1;
  bool separator = false;
  for (; i < argc; ++i) {
    std::string arg = argv[i];
    if (arg == "--") {
      separator = true;
      ++i;
      break;
    }
    if (arg.size() < 2 || arg[0] != '-') break;
    if (arg == "-h") arg = "--help";
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
  for (const auto &check : impl_->checks) check();
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
  for (int i = 0; i < NumArgs() && inputs.count != InputArgs::kOwn; ++i) {
    const std::string what = Cat("argument ", i + 1, " (", Arg(i), ")");
    i < num_inputs ? places.Read(what, Arg(i)) : places.Write(what, Arg(i));
  }
  for (const Impl::PlaceOption &option : impl_->places) {
    const std::string what = Cat("--", option.name, "=", *option.value);
    option.input ? places.Read(what, *option.value) : places.Write(what, *option.value);
  }
  for (const auto &declare : impl_->more_places) declare(&places);
  places.Check();
}

bool OptionParser::WasGiven(const std::string &name) const { return impl_->given.count(name) > 0; }

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
      if (number > 1) RefuseByteOrderMark(*line, Cat(path, ":", number));
      return true;
    } catch (const PlaceError &) {
      throw;
    } catch (const Error &e) {
      throw UsageError("cannot read configuration file ", path, ": ", e.what());
    }
  };
  std::string line;
  for (int number = 1; next(number, &line); ++number) {
    line = line.substr(0, line.find('#'));
    line.erase(0, line.find_first_not_of(kSpace));
    line.erase(line.find_last_not_of(kSpace) + 1);
    if (line.empty()) continue;
    const std::string where = Cat(path, ":", number, ": ");
    if (line.compare(0, 2, "--") == 0) line.erase(0, 2);
    if (line.find('=') == std::string::npos && !impl_->Known(NormalizeName(line))) {
      throw UsageError(where, "expected name=value, found '", line, "'");
    }
    const po::option option = impl_->ParseOption(line, where);
    if (option.string_key == "config") {
      throw UsageError(where, "a configuration file cannot name another");
    }
    impl_->Store(option, where);
  }
}

void OptionParser::PrintHelp() const {
  std::cout << impl_->usage << "\nOptions:\n";
  for (const Impl::Row &row : impl_->rows) {
    std::cout << "  --" << row.name << " (" << row.type << ", default " << row.default_text << ")\n"
              << "      " << row.doc << "\n";
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
