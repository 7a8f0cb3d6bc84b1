#include "train/training-run.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "base/log.h"
#include "base/rng.h"
#include "base/timer.h"
#include "modelfile/model-average.h"
#include "util/fd-stream.h"
#include "util/io.h"
#include "util/json.h"
#include "util/progress.h"
#include "util/text.h"

namespace u2moe {
namespace {

namespace fs = std::filesystem;

// Of an epoch without a (finite) dev loss: worse than any.
constexpr double kNoLoss = std::numeric_limits<double>::infinity();

std::string Describe(AsrModel *model) {
  return Cat(model->NumParams(), " parameters, fingerprint ", DescribeModel(model));
}

// What routers did: the smallest load, simulated links, and losses by layer, a line for each.
void ReportRouters(const EpochReport &report) {
  const std::string epoch = Cat("epoch ", report.epoch, ": ");
  if (!report.min_load.mixture.empty()) {
    LOG_INFO << epoch << "smallest load of an expert " << report.min_load.load
             << " of an even share: expert " << report.min_load.expert << " of "
             << report.min_load.mixture;
  }
  if (report.links.watched) {
    LOG_INFO << epoch << "simulated network: slowest link " << 1e3 * report.links.slowest
             << " ms for the rows of a mixture and step, " << 1e3 * report.links.slowest_even
             << " ms if they went to all experts evenly; " << 100 * report.links.local_share
             << " % stay on their rank";
  }
  // Terms are in the order of their names, so that the layers of a loss stand side by side.
  std::string loss, line;
  const auto say = [&] {
    if (!line.empty()) LOG_INFO << epoch << "loss " << loss << " by layer: " << line;
    line.clear();
  };
  for (const auto &[name, term] : report.train.Terms()) {
    const size_t dot = name.find('.');
    if (dot == name.npos) continue;
    if (name.substr(0, dot) != loss) say();
    loss = name.substr(0, dot);
    line += Cat(line.empty() ? "" : ", ", name.substr(dot + 1), " ", term.Mean());
  }
  say();
}

// The folder of one training. A run is identified by everything that its result depends on, so that
// --resume never mixes two.
class CheckpointDir {
 public:
  CheckpointDir(std::string path, std::string identity)
      : path_(std::move(path)), identity_(std::move(identity)) {}

  std::string ModelPath(int epoch) const { return Cat(path_, "/epoch-", epoch, ".safetensors"); }
  std::string OptimizerPath(int epoch) const {
    return Cat(path_, "/optimizer-", epoch, ".safetensors");
  }
  std::string LogPath() const { return path_ + "/log.jsonl"; }
  std::string IdentityPath() const { return path_ + "/run.txt"; }

  // Number of complete epochs of the same run, with their log lines; 0 where there are none. The
  // folder is ours from then on.
  int Open(bool resume, std::vector<std::string> *log_lines) {
    std::error_code error;
    fs::create_directories(path_, error);
    if (error) throw Error("cannot make the folder --exp-dir=", path_, ": ", error.message());
    Lock();
    for (const auto &entry : fs::directory_iterator(path_)) {  // of a run that was killed
      const std::string name = entry.path().filename().string();
      for (const char *kind : {".safetensors.tmp-", "log.jsonl.tmp-", "run.txt.tmp-"}) {
        if (name.find(kind) != std::string::npos) fs::remove(entry.path());
      }
    }
    log_lines->clear();
    if (resume) {
      // The log line is written last, so an epoch with a line is complete.
      std::ifstream log(LogPath());
      for (std::string line; std::getline(log, line) && !log.eof();) log_lines->push_back(line);
    }
    if (!log_lines->empty() && ReadIdentity() != identity_) {
      throw UsageError(
          path_,
          " holds another training (see run.txt there):", Differences(ReadIdentity(), identity_),
          "; give another --exp-dir, or --resume=false. To go on from there with other "
          "settings, give ",
          ModelPath(static_cast<int>(log_lines->size())),
          " as the model of a training with another --exp-dir");
    }
    // The log goes first: with the old one, a new identity would claim the old epochs.
    if (log_lines->empty()) {
      WriteLog({});
      Output out(IdentityPath());
      out.Stream() << identity_;
      out.Close();
    }
    return static_cast<int>(log_lines->size());
  }

  void WriteLog(const std::vector<std::string> &lines) const {
    Output out(LogPath());
    for (const std::string &line : lines) out.Stream() << line << '\n';
    out.Close();
  }

 private:
  // The settings of an identity: name=value words of the first line, "name: value" of the others.
  static std::vector<std::pair<std::string, std::string>> Settings(const std::string &identity) {
    std::vector<std::pair<std::string, std::string>> settings;
    std::istringstream lines(identity);
    for (std::string line; std::getline(lines, line);) {
      if (settings.empty()) {
        for (const std::string &word : SplitWords(line)) {
          const size_t at = std::min(word.find('='), word.size());
          settings.emplace_back(word.substr(0, at), word.substr(std::min(at + 1, word.size())));
        }
      } else {
        const size_t at = std::min(line.find(": "), line.size());
        settings.emplace_back(line.substr(0, at), line.substr(std::min(at + 2, line.size())));
      }
    }
    return settings;
  }

  // " seed is 777 there and 5 here, ..."
  static std::string Differences(const std::string &there, const std::string &here) {
    const auto a = Settings(there), b = Settings(here);
    const auto value = [](const auto &settings, const std::string &name) -> std::string {
      for (const auto &[n, v] : settings) {
        if (n == name) return v.empty() ? "empty" : v;
      }
      return "not given";
    };
    std::string text;
    const auto compare = [&](const std::string &name) {
      const std::string theirs = value(a, name), ours = value(b, name);
      if (theirs != ours)
        text += Cat(text.empty() ? " " : ", ", name, " is ", theirs, " there and ", ours, " here");
    };
    for (const auto &setting : a) compare(setting.first);
    for (const auto &[name, v] : b) {
      if (value(a, name) == "not given") compare(name);
    }
    return text.empty() ? " run.txt is damaged" : text;
  }

  std::string ReadIdentity() const {
    std::ifstream in(IdentityPath());
    return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  }

  // Keeps other trainings out until the process ends, however it does: the lock goes with its
  // descriptor, and the file that stays does not matter.
  void Lock() {
    const std::string name = path_ + "/.lock";
    lock_.Reset(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (lock_.Get() < 0) throw Error("cannot write ", name, ": ", std::strerror(errno));
    if (flock(lock_.Get(), LOCK_EX | LOCK_NB) == 0) return;
    if (errno == EWOULDBLOCK) {
      throw Error(path_,
                  ": another nnet-train is at work in this folder; wait for it, stop it, or "
                  "give another --exp-dir");
    }
    LOG_WARN << "cannot lock " << name << " (" << std::strerror(errno)
             << "): two trainings in this folder would not notice one another";
  }

  std::string path_, identity_;
  OwnedFd lock_;
};

// The epochs (from 1) of lowest dev loss, ties to the earlier, in order. Those without a finite
// loss are never among them.
std::vector<int> BestEpochs(const std::vector<double> &dev_losses, int count) {
  std::vector<int> epochs;
  for (size_t i = 0; i < dev_losses.size(); ++i) {
    if (dev_losses[i] != kNoLoss) epochs.push_back(static_cast<int>(i) + 1);
  }
  const auto loss = [&](int e) { return dev_losses[static_cast<size_t>(e) - 1]; };
  std::stable_sort(epochs.begin(), epochs.end(), [&](int a, int b) { return loss(a) < loss(b); });
  if (static_cast<int>(epochs.size()) > count) epochs.resize(static_cast<size_t>(count));
  std::sort(epochs.begin(), epochs.end());
  return epochs;
}

// How many epochs have passed since the one of lowest dev loss, the first of several.
int EpochsSinceBest(const std::vector<double> &dev_losses) {
  return static_cast<int>(dev_losses.end() -
                          std::min_element(dev_losses.begin(), dev_losses.end())) -
         (dev_losses.empty() ? 0 : 1);
}

// Of an epoch; kNoLoss, with the utterances to blame named, where it is not finite. Throws Error
// where no epoch before had a finite one either: more epochs would not help.
double CheckedDevLoss(int epoch, const LossTerms &losses, const std::vector<std::string> &failed,
                      size_t num_dev, const std::vector<double> &before) {
  if (failed.empty() && std::isfinite(losses.MeanTotal())) return losses.MeanTotal();
  std::string keys;
  constexpr size_t kNamed = 10;
  for (size_t i = 0; i < std::min(kNamed, failed.size()); ++i) keys += " " + failed[i];
  if (failed.size() > kNamed) keys += " ...";
  const std::string what = Cat("epoch ", epoch, ": the loss of ", failed.size(), " of ", num_dev,
                               " dev utterances is not finite:", keys);
  if (std::all_of(before.begin(), before.end(), [](double l) { return l == kNoLoss; })) {
    throw Error(what,
                failed.size() == num_dev
                    ? "; the training has diverged (lower --learning-rate), or all dev features "
                      "are wrong"
                    : "; look at their features, or take them out of the dev set",
                "; no model is written");
  }
  LOG_WARN << what << "; this epoch is not chosen";
  return kNoLoss;
}

}  // namespace

void TrainingRunOptions::Register(OptionParser *po) {
  po->Register("exp-dir", &exp_dir,
               "folder for checkpoints, log.jsonl and resuming; empty: none of these");
  po->Register("average", &average,
               "average the weights of this many epochs of lowest dev loss (needs --exp-dir)");
  po->Register("resume", &resume, "go on with the training that --exp-dir holds, if any");
  po->Register("patience", &patience,
               "end the training once so many epochs in a row have not lowered the dev loss "
               "(needs --dev-feats); 0: only after --epochs");
  po->Register("keep-checkpoints", &keep_checkpoints, "keep the checkpoints of all epochs");
}

void TrainingRunOptions::DeclarePlaces(int epochs, const std::vector<std::string> &models,
                                       Places *places) const {
  if (exp_dir.empty()) return;
  const CheckpointDir dir(exp_dir, "");
  std::set<std::string> paths = {dir.LogPath(), dir.IdentityPath()};
  // There may be a million epochs: those that a model's name can be of are enough.
  for (const std::string &model : models) {
    const std::string name = fs::path(FindPlace(model, false).path).filename().string();
    int epoch = 0;
    if ((std::sscanf(name.c_str(), "epoch-%d.", &epoch) == 1 ||
         std::sscanf(name.c_str(), "optimizer-%d.", &epoch) == 1) &&
        epoch >= 1 && epoch <= epochs) {
      paths.insert({dir.ModelPath(epoch), dir.OptimizerPath(epoch)});
    }
  }
  for (const std::string &path : paths) {
    places->WriteInPlace(Cat("--exp-dir's ", path.substr(exp_dir.size() + 1)), path);
  }
}

void TrainingRunOptions::Check() const {
  if (average < 1) throw UsageError("--average=", average, ": expected at least 1");
  if (patience < 0) throw UsageError("--patience=", patience, ": expected 0 or more");
}

void RunTraining(const TrainOptions &opts, const TrainingRunOptions &run_opts,
                 const DataSource &data, const DataSource *dev, std::unique_ptr<AsrModel> *model,
                 ModelInfo *info) {
  if (run_opts.patience > 0 && dev == nullptr) {
    throw UsageError("--patience=", run_opts.patience,
                     " waits for a lower dev loss: give --dev-feats and --dev-tokens");
  }
  CheckCanLearn((*model)->Config(), "the initial model");
  CheckFiniteWeights(model->get(), "the initial model");
  const bool checkpoints = !run_opts.exp_dir.empty();
  // The number of epochs may grow between runs, and threads change nothing.
  CheckpointDir dir(run_opts.exp_dir,
                    !checkpoints ? std::string()
                                 : Cat(opts.Identity(), "\ninitial model: ", Describe(model->get()),
                                       "\ntrain: ", data.Describe(),
                                       "\ndev: ", dev == nullptr ? "none" : dev->Describe(), "\n"));
  std::vector<std::string> log_lines;
  std::vector<double> dev_losses;
  int done = 0;
  if (checkpoints) {
    done = dir.Open(run_opts.resume, &log_lines);
    if (done > opts.epochs) {
      throw UsageError(run_opts.exp_dir, " has ", done, " epochs already, --epochs=", opts.epochs,
                       " are fewer; give another --exp-dir, or --resume=false");
    }
    for (const std::string &line : log_lines) {
      const nlohmann::json j = ParseJson(line, dir.LogPath());
      // A loss that is not finite is null in JSON.
      const bool has_loss = j.is_object() && j.contains("dev_loss") && j["dev_loss"].is_number();
      dev_losses.push_back(has_loss ? j["dev_loss"].get<double>() : kNoLoss);
    }
    for (int e : BestEpochs(dev_losses, dev == nullptr ? 0 : run_opts.average)) {
      if (!fs::exists(dir.ModelPath(e))) {
        throw UsageError(dir.ModelPath(e), " is gone, but --average=", run_opts.average,
                         " may need it; give the --average of before, or --resume=false");
      }
    }
    if (done > 0) {
      *model = ReadModel(dir.ModelPath(done), nullptr);
      CheckFiniteWeights(model->get(), dir.ModelPath(done));
    }
  }
  const Context ctx = opts.device.MakeContext();
  if (!ctx.OnHost()) MoveToDevice(ctx, model->get());
  Trainer trainer(opts, model->get(), &data, run_opts.read_ahead_bytes);
  if (done > 0) {
    trainer.Optimizer()->Load(ctx, dir.OptimizerPath(done));
    LOG_INFO << "resuming after epoch " << done << " of " << run_opts.exp_dir;
  }
  const int already_done = done;
  Timer timer;
  const auto out_of_patience = [&] {
    return run_opts.patience > 0 && EpochsSinceBest(dev_losses) >= run_opts.patience;
  };
  for (int epoch = done + 1; epoch <= opts.epochs && !out_of_patience(); ++epoch) {
    EpochReport report = trainer.TrainEpoch(epoch);
    double dev_loss = kNoLoss;
    if (dev != nullptr) {
      Timer dev_timer;
      std::vector<std::string> failed;
      report.dev = trainer.DevLoss(*dev, &failed);
      report.dev_seconds = dev_timer.Elapsed();
      dev_loss =
          CheckedDevLoss(epoch, report.dev, failed, static_cast<size_t>(dev->Size()), dev_losses);
    }
    dev_losses.push_back(dev_loss);
    const double left = timer.Elapsed() / (epoch - already_done) * (opts.epochs - epoch);
    LOG_INFO << "epoch " << epoch << " of " << opts.epochs << ": train loss "
             << report.train.ToString()
             << (dev == nullptr ? std::string() : Cat(", dev loss ", report.dev.ToString()))
             << (report.drops.Any() ? Cat(", dropped ", report.drops.ToString()) : std::string())
             << ", learning rate " << report.learning_rate << ", "
             << std::llround(static_cast<double>(report.frames) / report.cpu_seconds)
             << " frames per CPU second, " << FormatDuration(left) << " left";
    ReportRouters(report);
    if (!checkpoints) continue;
    // Says what it is: nnet-average must not take it for a result of its own.
    ModelInfo of_epoch = *info;
    AddHistory(nlohmann::ordered_json{{"tool", "nnet-train"}, {"epoch", epoch}}.dump(), &of_epoch);
    WriteModel(dir.ModelPath(epoch), model->get(), of_epoch);
    trainer.Optimizer()->Save(dir.OptimizerPath(epoch));
    log_lines.push_back(report.ToJson());
    dir.WriteLog(log_lines);  // from here on a resumed run begins after this epoch
    for (int e = 1; e < epoch; ++e) std::remove(dir.OptimizerPath(e).c_str());
    if (run_opts.keep_checkpoints) continue;
    // What is not among the best so far never will be again; the last is needed for resuming.
    const std::vector<int> best = BestEpochs(dev_losses, dev == nullptr ? 0 : run_opts.average);
    for (int e = 1; e < epoch; ++e) {
      if (!std::count(best.begin(), best.end(), e)) std::remove(dir.ModelPath(e).c_str());
    }
  }
  if (out_of_patience()) {
    LOG_INFO << "the dev loss has not fallen for " << EpochsSinceBest(dev_losses)
             << " epochs: the training ends after epoch " << dev_losses.size();
  }
  nlohmann::ordered_json step = {{"tool", "nnet-train"},
                                 {"options", opts.ToString()},
                                 {"utterances", data.Size()},
                                 {"steps", trainer.Optimizer()->NumSteps()}};
  if (checkpoints && dev != nullptr) {
    const std::vector<int> best = BestEpochs(dev_losses, run_opts.average);
    if (best.empty())
      throw Error(run_opts.exp_dir, ": no epoch has a finite dev loss; no model is written");
    std::vector<std::string> paths;
    for (int e : best) paths.push_back(dir.ModelPath(e));
    ModelInfo common;
    *model = AverageModels(paths, &common);
    step["averaged_epochs"] = best;
    LOG_INFO << "averaged epochs " << nlohmann::json(best).dump();
  }
  if (!ctx.OnHost()) MoveToDevice(Context(), model->get());
  CheckFiniteWeights(model->get(), "the trained model");
  AddHistory(step.dump(), info);
}

}  // namespace u2moe
