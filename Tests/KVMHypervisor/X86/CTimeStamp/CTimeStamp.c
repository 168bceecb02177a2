#include "CTimeStamp.h"
