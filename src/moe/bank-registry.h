#ifndef U2MOE_MOE_BANK_REGISTRY_H_
#define U2MOE_MOE_BANK_REGISTRY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "moe/expert-bank.h"
#include "moe/feed-forward-config.h"

namespace u2moe {

// The bank that config.bank names; throws DataError listing the known names.
std::unique_ptr<ExpertBank> MakeBank(int64_t dim, const FeedForwardConfig &config, float dropout);
std::vector<std::string> BankNames();

}  // namespace u2moe

#endif  // U2MOE_MOE_BANK_REGISTRY_H_
