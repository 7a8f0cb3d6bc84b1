#include "base/signal-cleanup.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace u2moe {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
constexpr int kSlots = 64;

// Who takes a path out of its slot, the handler or its owner, is the only one to use it.
std::atomic<char *> slots[kSlots];
static_assert(std::atomic<char *>::is_always_lock_free, "a signal's handler takes no lock");
std::atomic<bool> dying{false};

void OnSignal(int signal) {
  dying = true;
  for (std::atomic<char *> &slot : slots) {
    const char *path = slot.exchange(nullptr);
    if (path) unlink(path);
  }
  raise(signal);  // held back until the handler returns, and then with its default effect
}

}  // namespace

void RemoveFilesOnSignals() {
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESETHAND;
  sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) sigaddset(&action.sa_mask, signal);
  for (const int signal : kSignals) {
    struct sigaction old;
    if (sigaction(signal, nullptr, &old) == 0 && old.sa_handler == SIG_DFL) {
      sigaction(signal, &action, nullptr);
    }
  }
}

SignalCleanup::SignalCleanup(const std::string &path) {
  while (dying) pause();  // the handler, in another thread, would miss this file
  char *const copy = strdup(path.c_str());
  for (int i = 0; copy && i < kSlots; ++i) {
    char *empty = nullptr;
    if (slots[i].compare_exchange_strong(empty, copy)) {
      slot_ = i;
      return;
    }
  }
  std::free(copy);
}

SignalCleanup::~SignalCleanup() {
  if (slot_ >= 0) std::free(slots[slot_].exchange(nullptr));
}

}  // namespace u2moe
