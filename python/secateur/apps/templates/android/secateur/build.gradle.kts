// The AAR: secateur's static library from the SDK, a JNI layer, and org.secateur.Secateur.
plugins {
    id("com.android.library")
}

val sdk = rootProject.file(providers.gradleProperty("secateur.sdk").getOrElse("sdk"))

android {
    namespace = "org.secateur"
    compileSdk = 34
    defaultConfig {
        minSdk = 24
        ndk { abiFilters += sdk.list()?.toList().orEmpty() }
        externalNativeBuild { cmake { arguments += "-DSECATEUR_SDK=${sdk.path}" } }
    }
    externalNativeBuild { cmake { path = file("src/main/cpp/CMakeLists.txt") } }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }
}
